"""Widths in the making: what each next move would cost and keep, brought up to date where a move has touched it."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.prune.cost import Cost
from lepton_edge_converters.prune.group import Group, Span

Floats = NDArray[np.float64]
MOVES = (1, -1, -2)
"""In places of a group's widths: one wider, one narrower, and two, where one alone would save nothing."""


class _Share:
    """One layer's part of one cost, by the places of groups."""

    def __init__(self, kind: int, spans: tuple[Span, Span], cost: Callable[[int, int], float], at: Mapping[str, int]):
        self.kind = kind
        self._constants = [span.constant for span in spans]
        self._groups = [[(at[name], times) for name, times in span.groups] for span in spans]
        self._cost = cache(cost)
        self.groups = {group for side in self._groups for group, _ in side}

    def __call__(self, widths: Sequence[int]) -> float:
        inputs, outputs = (
            constant + sum(times * widths[group] for group, times in side)
            for constant, side in zip(self._constants, self._groups, strict=True)
        )
        return self._cost(inputs, outputs)


class Net:
    """Groups with the widths they may have, and the costs that bind them together.

    Attributes:
        choices: Widths of each group, ascending.
        kept: Importance kept at each of them.
        origin: Each cost of the net as it is.
    """

    def __init__(self, groups: Sequence[Group], costs: Sequence[Cost], least_share: float) -> None:
        at = {group.name: i for i, group in enumerate(groups)}
        self.choices = [group.widths(least_share) for group in groups]
        self.kept = [group.kept(widths) for group, widths in zip(groups, self.choices, strict=True)]
        shares = [
            _Share(kind, (term.inputs, term.outputs), term.cost, at)
            for kind, cost in enumerate(costs)
            for term in cost.terms
        ]
        self.touched = [[share for share in shares if i in share.groups] for i in range(len(groups))]
        self.beside = [sorted({other for share in mine for other in share.groups}) for mine in self.touched]
        full = {group.name: group.width for group in groups}
        self.origin: Floats = np.array([cost(full) for cost in costs], np.float64)


class State:
    """One choice of widths, with every single move from it.

    Attributes:
        places: Of each group's width among its choices.
        costs: Of the whole.
        importance: Kept in all.
        gains: Importance that each move (axis 1) of each group (axis 0) gains; minus infinity where there is none.
        changes: Cost (axis 2) that it adds.
    """

    def __init__(self, net: Net, places: Sequence[int]) -> None:
        self._net = net
        self.places = [len(widths) - 1 for widths in net.choices]
        self.costs = net.origin.copy()
        self._widths = [widths[-1] for widths in net.choices]
        count = len(places)
        self.gains = np.full((count, len(MOVES)), -np.inf)
        self.changes = np.zeros((count, len(MOVES), len(net.origin)))
        for group, place in enumerate(places):
            if place != self.places[group]:
                self._set(group, place, self.change(group, place))
        for group in range(count):
            self._look(group)

    @property
    def importance(self) -> float:
        """Importance kept in all: summed anew, so that it is the same however the widths were come by."""
        return float(sum(kept[place] for kept, place in zip(self._net.kept, self.places, strict=True)))

    def change(self, group: int, place: int) -> Floats:
        """Return the cost that another width of a group adds."""
        widths, old = self._widths, self._widths[group]
        change = np.zeros_like(self.costs)
        for share in self._net.touched[group]:
            widths[group] = self._net.choices[group][place]
            added = share(widths)
            widths[group] = old
            change[share.kind] += added - share(widths)
        return change

    def move(self, group: int, kind: int) -> None:
        """Carry out a move, and look at those around it anew."""
        self._set(group, self.places[group] + MOVES[kind], self.changes[group, kind])
        for other in self._net.beside[group] or [group]:
            self._look(other)

    def after(self, group: int, kind: int, other: int, its_kind: int) -> Floats:
        """Return the cost that two moves add together."""
        first = self.changes[group, kind].copy()
        old = self._widths[group]
        self._widths[group] = self._net.choices[group][self.places[group] + MOVES[kind]]
        both: Floats = first + self.change(other, self.places[other] + MOVES[its_kind])
        self._widths[group] = old
        return both

    def _set(self, group: int, place: int, change: Floats) -> None:
        self.places[group] = place
        self._widths[group] = self._net.choices[group][place]
        self.costs = self.costs + change

    def _look(self, group: int) -> None:
        kept, place = self._net.kept[group], self.places[group]
        for kind, step in enumerate(MOVES):
            if 0 <= place + step < len(kept):
                self.gains[group, kind] = kept[place + step] - kept[place]
                self.changes[group, kind] = self.change(group, place + step)
            else:
                self.gains[group, kind] = -np.inf
                self.changes[group, kind] = 0
