"""What becomes of each net: a recipe a version, those of the project as they are shipped where there is one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from benchmarks.workshop import LOOSE
from lepton_edge_converters.recipe import Recipe, load_recipe
from lepton_edge_converters.thinning import Sparsity

CALIBRATION = 200
ROUNDS = 2


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What must be the same for results to stand in one table.

    Attributes:
        images: How many training images there are for all that learns.
        epochs: Of the float nets.
        retraining: Epochs of each of the two rounds of pruning; of sparse weights, twice as many.
    """

    images: int
    epochs: int
    retraining: int


@dataclass(frozen=True, slots=True)
class Version:
    """One thing that a net is made into.

    Attributes:
        title: For people.
        recipe: Makes its recipe, for a seed.
        first: Whether it is made before the others of any net.
        ours: Whether it is what is to be twice as fast as plain int8.
        longer: Whether its float net was trained for as many epochs as one that is pruned learns in all.
    """

    title: str
    recipe: Callable[[Settings, int], Recipe]
    first: bool = False
    ours: bool = False
    longer: bool = False

    def epochs(self, settings: Settings) -> int:
        """Return for how many epochs the float net that it is made of is trained."""
        return settings.epochs + (ROUNDS * settings.retraining if self.longer else 0)


def _shipped(scheme: str) -> Callable[[Settings, int], Recipe]:
    return lambda _, seed: _with(load_recipe(scheme), seed)


def _pruned(speedup: float) -> Callable[[Settings, int], Recipe]:
    def make(settings: Settings, seed: int) -> Recipe:
        recipe = load_recipe("prune-int8", speedup=speedup, rounds=ROUNDS, epochs=settings.retraining)
        return _with(
            msgspec.structs.replace(recipe, training=msgspec.structs.replace(recipe.training, seed=seed)), seed
        )

    return make


def _sparse(zeros: float) -> Callable[[Settings, int], Recipe]:
    def make(settings: Settings, seed: int) -> Recipe:
        sparsity = Sparsity(zeros=zeros, epochs=ROUNDS * settings.retraining)
        return _with(msgspec.structs.replace(load_recipe("int8"), sparsity=sparsity), seed)

    return make


def _trained_for_8_bits(_: Settings, seed: int) -> Recipe:
    return _with(load_recipe("int8", qat=True, equalize=True), seed)


def _with(recipe: Recipe, seed: int) -> Recipe:
    """Return the recipe so that it refuses nothing: what was lost is what the table is about."""
    return msgspec.structs.replace(recipe, gates=LOOSE, calibration=CALIBRATION, seed=seed)


VERSIONS: Mapping[str, Version] = {
    "float32": Version("float", _shipped("float32"), first=True),
    "int8": Version("plain int8", _shipped("int8"), first=True),
    "ours_2": Version("ours, speedup 2", _pruned(2.0), first=True, ours=True),
    "ours_4": Version("ours, speedup 4", _pruned(4.0), ours=True),
    "longer": Version("plain int8 of a float net trained as long", _shipped("int8"), longer=True),
    "qat": Version("trained for 8 bits (QAT)", _trained_for_8_bits),
    "sparse_50": Version("tfmot, 50 % zeros, int8", _sparse(0.5)),
    "sparse_80": Version("tfmot, 80 % zeros, int8", _sparse(0.8)),
}
