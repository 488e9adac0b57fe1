"""What is asked for: each budget with each scheme, as a recipe of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from lepton_edge_converters.errors import RecipeError
from lepton_edge_converters.recipe import SCHEMES, Gates, Recipe, Scheme, load_recipe
from lepton_edge_converters.shrinking import Pruning
from lepton_edge_runtime.wire import nearest

Bound = Literal["speedup", "macs", "params"]

_ONLY_INT8 = {"ranges": "minmax", "float_layers": (), "correct_bias": False, "repair": False, "qat": False}
_ROUNDED = ("int8", "dynamic")  # what equalizing is for
_ANY_DB = -1e9  # less than any ratio that is measured; a lock has no word for an infinite one


@dataclass(frozen=True, slots=True)
class Asked:
    """One point that is asked for.

    Attributes:
        bound: What bounds the pruned net; ``None`` where all channels stay.
        value: How many times as fast it is at least, or which share may be left; 1 where all channels stay.
        recipe: What to do.
    """

    bound: Bound | None
    value: float
    recipe: Recipe

    @property
    def scheme(self) -> Scheme:
        """How numbers are stored."""
        return self.recipe.scheme

    @property
    def name(self) -> str:
        """Of its files, without what they end in."""
        return f"{self.bound}{self.value:g}-{self.scheme}" if self.bound else f"full-{self.scheme}"


def ask(
    recipe: str | Path | Recipe,
    budgets: Sequence[tuple[Bound, float]],
    schemes: Sequence[str],
) -> tuple[Asked, ...]:
    """Return what is asked for, each thing once; neighbours have different budgets, whose trainings share nothing.

    Args:
        recipe: What holds for all points: gates, training, rounds.
        budgets: Bounds and their values; of 1, all channels stay.
        schemes: How numbers are stored.

    Raises:
        RecipeError: There is no such scheme, or a bound is a slip of units.
    """
    base = load_recipe(recipe)
    for scheme in schemes:
        if scheme not in SCHEMES:
            raise RecipeError(f"no scheme {scheme!r}; there are: {', '.join(SCHEMES)}{nearest(scheme, list(SCHEMES))}")
    points = {one.name: one for one in _each(base, budgets, schemes)}
    if not points:
        raise RecipeError("a search has one budget and one scheme at least")
    return tuple(points.values())


def loosened(recipe: Recipe) -> Recipe:
    """Return the recipe without bounds on the answers: what it makes is measured, however it answers."""
    gates = Gates(min_agreement=0, min_cosine=0, min_sqnr_db=_ANY_DB, min_parity=0, min_parity_db=_ANY_DB)
    return msgspec.structs.replace(recipe, gates=gates, strict=False, repair=False)


def _each(base: Recipe, budgets: Sequence[tuple[Bound, float]], schemes: Sequence[str]) -> Iterator[Asked]:
    for scheme in schemes:
        other = {} if scheme == "int8" else _ONLY_INT8
        equalize = base.equalize and scheme in _ROUNDED
        of_scheme = msgspec.structs.replace(base, scheme=scheme, fastest=False, equalize=equalize, **other)
        for bound, value in budgets:
            pruning = None if value == 1 else _pruning(base.prune, bound, value)
            # Read again, which refuses what does not go together.
            made = load_recipe(msgspec.structs.replace(of_scheme, prune=pruning))
            yield Asked(bound if pruning else None, value, made)


def _pruning(base: Pruning | None, bound: Bound, value: float) -> Pruning:
    """Return how channels are removed: as the recipe says, and as far as the budget does."""
    how = ("criterion", "rounds", "least_share", "keep", "engine")
    settings: dict[str, Any] = {name: getattr(base, name) for name in how} if base else {}
    try:
        return Pruning(**{**settings, bound: value})
    except ValueError as wrong:
        raise RecipeError(str(wrong)) from wrong
