"""Widths within a budget that keep the most importance.

Two walks through the widths, from the whole net down and from the narrowest up, each move the best importance for its
cost; after every move, channels are given from one group to another while that keeps more for no more. What is visited
does not depend on the budget, which only says what of it may be taken: a harder one can never keep more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import PruneError
from lepton_edge_converters.prune.candidate import LEAST_SHARE, Candidate
from lepton_edge_converters.prune.cost import COSTS, Cost
from lepton_edge_converters.prune.state import MOVES, Floats, Net, State
from lepton_edge_converters.shrinking import Budget, CostName

_WIDER, _NARROWER = MOVES.index(1), [kind for kind, step in enumerate(MOVES) if step < 0]
_FEW = 24  # of the best on either side of an exchange; all pairs of a large net would take minutes
_TRIES = 8
_NOTHING = 1e-12  # of the whole cost: what sums made in another order differ by


@dataclass(frozen=True, slots=True)
class Solution:
    """Widths, and what they keep.

    Attributes:
        widths: By group.
        importance: Share of all importance that is kept, 0 to 1.
        before, after: The costs that the budget bounds.
    """

    widths: dict[str, int]
    importance: float
    before: dict[CostName, float]
    after: dict[CostName, float]


def solve(
    groups: Sequence[Candidate],
    costs: Mapping[CostName, Cost],
    budget: Budget,
    *,
    least_share: float = LEAST_SHARE,
) -> Solution:
    """Return the widths that keep the most importance within a budget.

    Args:
        groups: What can be pruned.
        costs: Of the net; those that the budget bounds are read.
        budget: What it may cost.
        least_share: Of its channels, left to every group, 0 to 1.

    Raises:
        PruneError: The budget cannot be had, even with every group at its least width, or there is no group.
    """
    if not groups:
        raise PruneError("no group of channels can be pruned here")
    full = {group.name: group.width for group in groups}
    before: dict[CostName, float] = {name: costs[name](full) for name in COSTS if name in costs}
    limits = budget.limits(before)
    bounded = [name for name in COSTS if name in limits]
    net = Net(groups, [costs[name] for name in bounded], least_share)
    best = _Best(net, np.array([limits[name] for name in bounded]))
    for weights in _weightings(len(bounded)):
        for state in _visited(net, weights):
            best.consider(state)
    if best.places is None:
        least = dict(zip(bounded, best.least.tolist(), strict=True))
        raise PruneError(_refusal(budget.shortfalls(before, least)))
    widths = {group.name: net.choices[i][best.places[i]] for i, group in enumerate(groups)}
    total = sum(float(group.importance.sum()) for group in groups)
    return Solution(
        widths=widths,
        importance=best.importance / total if total else 1.0,
        before={name: before[name] for name in bounded},
        after={name: costs[name](widths) for name in bounded},
    )


class _Best:
    """The best that was seen within the limits.

    Attributes:
        places: Of the best widths, ``None`` as long as none are within the limits.
        importance: That they keep.
        least: The least of each cost that was seen.
    """

    def __init__(self, net: Net, limits: Floats) -> None:
        self._limits = limits * (1 + 1e-9)  # sums made in another order may differ in their last digits
        self.places: list[int] | None = None
        self.importance = -1.0
        self.least = net.origin

    def consider(self, state: State) -> None:
        """Look at a choice of widths, and at those one step wider somewhere, which may fill what is left."""
        self.least = np.minimum(self.least, state.costs)
        if (state.costs > self._limits).any():
            return
        importance = state.importance
        gains = state.gains[:, _WIDER]
        fits: NDArray[np.bool_] = np.all(state.costs + state.changes[:, _WIDER] <= self._limits, axis=1)
        wider = int(np.argmax(np.where(fits, gains, -np.inf)))
        gain = float(gains[wider]) if fits[wider] and gains[wider] > 0 else 0.0
        if importance + gain > self.importance:
            self.importance = importance + gain
            self.places = list(state.places)
            self.places[wider] += 1 if gain else 0


def _visited(net: Net, weights: Floats) -> Iterator[State]:
    """Yield the choices of widths on both walks, as one state that changes."""
    price = weights / net.origin
    for start, kinds in (([len(widths) - 1 for widths in net.choices], _NARROWER), ([0] * len(net.choices), [_WIDER])):
        state = State(net, start)
        yield state
        while (found := _best_move(state, price, kinds)) is not None:
            # After a move down that saves nothing, an exchange might undo it, and the walk would never end.
            onward = kinds is _NARROWER and state.changes[found] @ price > -_NOTHING
            state.move(*found)
            yield state
            while not onward and (pair := _best_exchange(state, price)) is not None:
                (giver, how), taker = pair
                state.move(taker, _WIDER)
                state.move(giver, how)
                yield state


def _best_move(state: State, price: Floats, kinds: list[int]) -> tuple[int, int] | None:
    """Return the move, of some kinds, of the most importance for its cost, ``None`` if there is none left."""
    gains, added = state.gains[:, kinds], state.changes[:, kinds] @ price
    value = _per_cost(gains, -added if kinds is _NARROWER else added)
    group, kind = np.unravel_index(int(np.argmax(value)), value.shape)
    return (int(group), kinds[kind]) if np.isfinite(gains[group, kind]) else None


def _per_cost(importance: Floats, cost: Floats) -> Floats:
    """Return importance for cost: gained for what is added, or lost for what is saved."""
    value: Floats = importance / np.maximum(cost, _NOTHING)
    return value


def _best_exchange(state: State, price: Floats) -> tuple[tuple[int, int], int] | None:
    """Return who gives channels, by which move, and who takes some: more importance at no more cost."""
    gains, added = state.gains[:, _WIDER], state.changes[:, _WIDER] @ price
    losses, saved = -state.gains[:, _NARROWER], -(state.changes[:, _NARROWER] @ price)
    takers, givers = _per_cost(gains, added), -_per_cost(losses, saved)
    # Who gains less for its cost than every other loses can take from nobody.
    if not takers.max() > -givers.max():
        return None
    some, others = _largest(takers, _FEW), _largest(givers, _FEW)
    profit = gains[some][:, None] - losses.flat[others]
    possible = (profit > _NOTHING) & (added[some][:, None] <= saved.flat[others])
    possible &= some[:, None] != others // len(_NARROWER)
    profit[~possible] = -np.inf
    for place in _largest(profit, _TRIES):
        row, column = divmod(int(place), len(others))
        if not possible[row, column]:
            return None
        giver, kind = divmod(int(others[column]), len(_NARROWER))
        move = (giver, _NARROWER[kind])
        # The two may be neighbours, whose costs depend on each other.
        if state.together((int(some[row]), _WIDER), move) @ price <= 0:
            return move, int(some[row])
    return None


def _largest(values: Floats, few: int) -> NDArray[np.int64]:
    """Return the places of the largest few, the largest first; of equals, the earlier ones first."""
    places: NDArray[np.int64] = np.argsort(-values.ravel(), kind="stable")[:few]
    return places


def _weightings(count: int) -> list[Floats]:
    """Return how much each of several bounded costs counts: each alone, two by two, and all alike."""
    corners = list(np.eye(count))
    pairs = [(one + two) / 2 for one, two in combinations(corners, 2)]
    return [*corners, *pairs, *([np.full(count, 1 / count)] if count > 2 else [])]


def _refusal(shortfalls: list[str]) -> str:
    if not shortfalls:
        return "each bound can be had by itself, but no widths were found within all of them; ask for less"
    return (
        "this cannot be pruned as far as was asked, even with every group at its least width: asked for is "
        f"{'; '.join(shortfalls)}. Ask for less, or let groups be narrower"
    )
