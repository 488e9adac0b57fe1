"""Sets of numbers that grow together: what has been joined, directly or by way of others, has one root."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


class Sets:
    """Disjoint sets of the numbers 0, 1, …; the least number of each is its root."""

    def __init__(self) -> None:
        self._parents: list[int] = []

    def __len__(self) -> int:
        return len(self._parents)

    def fresh(self, count: int) -> Ids:
        """Return so many new numbers, each in a set of its own."""
        start = len(self._parents)
        self._parents.extend(range(start, start + count))
        return np.arange(start, start + count)

    def join(self, ones: Iterable[int], others: Iterable[int]) -> None:
        """Make one set of each number's and its counterpart's."""
        for one, other in zip(ones, others, strict=True):
            low, high = sorted((self._root(int(one)), self._root(int(other))))
            self._parents[high] = low

    def roots(self, ids: Iterable[int]) -> Ids:
        """Return the root of each number's set."""
        return np.array([self._root(int(one)) for one in ids], np.int64)

    def _root(self, one: int) -> int:
        while self._parents[one] != one:
            self._parents[one] = one = self._parents[self._parents[one]]
        return one
