"""Widths in the making: what each next move would cost and keep, brought up to date where a move has touched it."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.prune.candidate import Candidate, Span
from lepton_edge_converters.prune.cost import Cost, Term

Floats = NDArray[np.float64]
MOVES = (1, -1, -2)
"""In places of a group's widths: one wider, one narrower, and two, where one alone would save nothing."""


class Share:
    """One layer's part of one cost, with groups by their numbers.

    Attributes:
        kind: Number of the cost.
        cost: Of two widths, each pair asked for once.
        inputs, outputs: Candidate and how often it counts.
        groups: All that it depends on, and how often each counts for inputs and for outputs.
    """

    def __init__(self, kind: int, term: Term, numbers: Mapping[str, int]) -> None:
        self.kind = kind
        self.cost: Callable[[int, int], float] = cache(term.cost)
        self.inputs, self.outputs = (_numbered(span, numbers) for span in (term.inputs, term.outputs))
        self._constants = term.inputs.constant, term.outputs.constant
        into, out = dict(self.inputs), dict(self.outputs)
        self.groups = [(group, into.get(group, 0), out.get(group, 0)) for group in sorted({*into, *out})]

    def widths(self, widths: Sequence[int]) -> tuple[int, int]:
        """Return the channels that the layer reads and makes."""
        inputs, outputs = self._constants
        for group, times in self.inputs:
            inputs += times * widths[group]
        for group, times in self.outputs:
            outputs += times * widths[group]
        return inputs, outputs


class Net:
    """Groups with the widths they may have, and the costs that bind them together.

    Attributes:
        choices: Widths of each group, ascending.
        kept: Importance kept at each of them.
        shares: Of every layer.
        touched: Numbers of the shares that depend on a group.
        origin: Each cost of the net as it is.
    """

    def __init__(self, groups: Sequence[Candidate], costs: Sequence[Cost], least_share: float) -> None:
        numbers = {group.name: i for i, group in enumerate(groups)}
        self.choices = [group.widths(least_share) for group in groups]
        self.kept = [group.kept(widths).tolist() for group, widths in zip(groups, self.choices, strict=True)]
        self.shares = [Share(kind, term, numbers) for kind, cost in enumerate(costs) for term in cost.terms]
        self.touched: list[list[int]] = [[] for _ in groups]
        for number, share in enumerate(self.shares):
            for group, _, _ in share.groups:
                self.touched[group].append(number)
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
        self.places = list(places)
        self._widths = [widths[place] for widths, place in zip(net.choices, places, strict=True)]
        self.costs: Floats = net.origin.copy()
        full = [widths[-1] for widths in net.choices]
        for share in net.shares:
            self.costs[share.kind] += share.cost(*share.widths(self._widths)) - share.cost(*share.widths(full))
        self.importance = sum(kept[place] for kept, place in zip(net.kept, places, strict=True))
        self.gains: Floats = np.full((len(places), len(MOVES)), -np.inf)
        self.changes: Floats = np.zeros((len(places), len(MOVES), len(net.origin)))
        self._parts: list[dict[int, list[float]]] = [
            {group: [0.0] * len(MOVES) for group, _, _ in share.groups} for share in net.shares
        ]
        for group in range(len(places)):
            self._note_gains(group)
        for number in range(len(net.shares)):
            self._note_changes(number)

    def move(self, group: int, kind: int) -> None:
        """Carry out a move, and look at the layers that it touches anew."""
        self.costs = self.costs + self.changes[group, kind]
        self.importance += float(self.gains[group, kind])
        self.places[group] += MOVES[kind]
        self._widths[group] = self._net.choices[group][self.places[group]]
        self._note_gains(group)
        for number in self._net.touched[group]:
            self._note_changes(number)

    def together(self, one: tuple[int, int], other: tuple[int, int]) -> Floats:
        """Return the cost that two moves of different groups, each a group and a kind, add together."""
        before, after = self._widths, list(self._widths)
        for group, kind in (one, other):
            after[group] = self._net.choices[group][self.places[group] + MOVES[kind]]
        added = np.zeros_like(self.costs)
        for number in sorted({*self._net.touched[one[0]], *self._net.touched[other[0]]}):
            share = self._net.shares[number]
            added[share.kind] += share.cost(*share.widths(after)) - share.cost(*share.widths(before))
        return added

    def _note_gains(self, group: int) -> None:
        kept, place = self._net.kept[group], self.places[group]
        for kind, step in enumerate(MOVES):
            there = 0 <= place + step < len(kept)
            self.gains[group, kind] = kept[place + step] - kept[place] if there else -np.inf

    def _note_changes(self, number: int) -> None:
        """Bring up to date what one share adds to the moves of the groups that it depends on."""
        share, parts = self._net.shares[number], self._parts[number]
        inputs, outputs = share.widths(self._widths)
        now = share.cost(inputs, outputs)
        for group, into, out in share.groups:
            choices, at, noted = self._net.choices[group], self.places[group], parts[group]
            for kind, step in enumerate(MOVES):
                part = 0.0
                if 0 <= at + step < len(choices):
                    wider = choices[at + step] - choices[at]
                    part = share.cost(inputs + into * wider, outputs + out * wider) - now
                if part != noted[kind]:
                    self.changes[group, kind, share.kind] += part - noted[kind]
                    noted[kind] = part


def _numbered(span: Span, numbers: Mapping[str, int]) -> list[tuple[int, int]]:
    counted: dict[int, int] = {}
    for name, times in span.groups:
        counted[numbers[name]] = counted.get(numbers[name], 0) + times
    return list(counted.items())
