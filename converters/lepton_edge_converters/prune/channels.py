"""Channels that stand or fall together: numbered, tied, frozen."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
"""Numbers of channels, one a place along an axis."""


@dataclass(frozen=True, slots=True)
class Label:
    """Which channel sits at each place of one axis of a tensor.

    Attributes:
        axis: Of the tensor, the batch being 0.
        ids: As many as the axis is long.
    """

    axis: int
    ids: Ids


class Channels:
    """All channels of a model: which must be kept or removed together, and which must stay."""

    def __init__(self) -> None:
        self._parents: list[int] = []
        self._frozen: dict[int, str] = {}

    def fresh(self, count: int) -> Ids:
        """Return new channels, tied to none."""
        begin = len(self._parents)
        self._parents.extend(range(begin, begin + count))
        return np.arange(begin, begin + count)

    def tie(self, ids: Ids, others: Ids) -> None:
        """Tie channels one by one; the two are as long as each other."""
        for one, other in zip(ids.ravel().tolist(), others.ravel().tolist(), strict=True):
            first, second = self._root(one), self._root(other)
            if first != second:
                # The smaller number leads, so that a group's channels keep the order of their places.
                low, high = min(first, second), max(first, second)
                self._parents[high] = low
                if high in self._frozen:
                    self._frozen.setdefault(low, self._frozen.pop(high))

    def tie_rows(self, table: NDArray[Any]) -> None:
        """Tie what stands in one column of a table, rows × columns."""
        for row in table[1:]:
            self.tie(table[0], row)

    def freeze(self, ids: Ids, why: str) -> None:
        """Say that channels stay, whatever happens to others."""
        for one in np.unique(ids).tolist():
            self._frozen.setdefault(self._root(one), why)

    def roots(self) -> Ids:
        """Return the leader of each channel, by its number."""
        return np.array([self._root(one) for one in range(len(self._parents))], np.int64)

    def frozen(self) -> dict[int, str]:
        """Return why channels stay, by their leader."""
        return dict(self._frozen)

    def _root(self, one: int) -> int:
        parents = self._parents
        while parents[one] != one:
            parents[one] = parents[parents[one]]
            one = parents[one]
        return one
