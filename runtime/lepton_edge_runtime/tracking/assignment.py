"""Which pairs belong together, so that the sum of their likeness is the greatest."""

from collections.abc import Iterator
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]


def assign(likeness: NDArray[Any], least: float) -> Pairs:
    """Return rows and columns of the pairs, each row and column in one at most, with the greatest total likeness.

    Pairs below ``least`` are none. Nearly all are settled at once: a pair as good as the best other ones of its row and
    of its column together is in some best assignment, as what stands in its stead can be exchanged for it. What is
    left falls apart into small groups that share no column, each solved exactly by itself.

    Args:
        likeness: Rows × columns, finite.
        least: Greater than 0.
    """
    possible = likeness * (likeness >= least)
    settled, its_column = _settled(possible)
    left, right = (np.ones(count, np.bool_) for count in possible.shape)
    left[settled] = right[its_column] = False
    left &= (possible > 0).any(axis=1)
    if not left.any():
        return settled, its_column
    rows, columns = np.flatnonzero(left), np.flatnonzero(right)
    rest = possible[np.ix_(rows, columns)]
    table = rest.tolist()
    # Groups are so small that arrays cost more than they save.
    pairs = [pair for group in _groups(*(one.tolist() for one in np.nonzero(rest))) for pair in _solve(table, *group)]
    chosen = np.array(pairs, np.intp).reshape(-1, 2)
    return np.concatenate([settled, rows[chosen[:, 0]]]), np.concatenate([its_column, columns[chosen[:, 1]]])


def _settled(likeness: NDArray[Any]) -> Pairs:
    """Return the pairs that are as good as what the next best ones of their row and column have together."""
    rows, columns = np.arange(likeness.shape[0]), np.arange(likeness.shape[1])
    column_of, row_of = likeness.argmax(axis=1), likeness.argmax(axis=0)
    best = likeness[rows, column_of]
    others = likeness.copy()
    others[rows, column_of] = 0
    next_of_row = others.max(axis=1)
    np.copyto(others, likeness)
    others[row_of, columns] = 0
    next_of_column = others.max(axis=0)
    mutual = (row_of[column_of] == rows) & (best > 0)
    settled = np.flatnonzero(mutual & (best >= next_of_row + next_of_column[column_of]))
    return settled, column_of[settled]


def _groups(rows: list[int], columns: list[int]) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the rows and columns of each part of the graph that hangs together.

    Args:
        rows: Of each pair, rising.
        columns: Likewise.
    """
    of_row: dict[int, list[int]] = {}
    of_column: dict[int, list[int]] = {}
    for row, column in zip(rows, columns, strict=True):
        of_row.setdefault(row, []).append(column)
        of_column.setdefault(column, []).append(row)
    while of_row:
        found_rows: list[int] = []
        found_columns: list[int] = []
        ahead = [next(iter(of_row))]
        while ahead:
            row = ahead.pop()
            for column in of_row.pop(row, ()):
                if column in of_column:
                    ahead += of_column.pop(column)
                    found_columns.append(column)
            if row not in found_rows:
                found_rows.append(row)
        yield sorted(found_rows), sorted(found_columns)


def _solve(table: list[list[float]], rows: list[int], columns: list[int]) -> list[tuple[int, int]]:
    """Return the pairs of a small group; those of no likeness are left out."""
    if len(rows) > len(columns):
        chosen = _shortest_paths([[-table[row][column] for row in rows] for column in columns])
        pairs = [(rows[i], column) for i, column in zip(chosen, columns, strict=True)]
    else:
        chosen = _shortest_paths([[-table[row][column] for column in columns] for row in rows])
        pairs = [(row, columns[i]) for i, row in zip(chosen, rows, strict=True)]
    return [(row, column) for row, column in pairs if table[row][column] > 0]


def _shortest_paths(cost: list[list[float]]) -> list[int]:
    """Return the cheapest column of each row; no more rows than columns.

    Rows are added one by one, each along the shortest augmenting path (Jonker & Volgenant, Computing 38, 1987; as
    told by Crouse, IEEE Transactions on Aerospace and Electronic Systems 52, 2016).
    """
    width = len(cost[0])
    of_row, of_column = [0.0] * len(cost), [0.0] * width  # the dual prices
    row_of, column_of = [-1] * width, [-1] * len(cost)
    for added in range(len(cost)):
        distance, before = [inf] * width, [-1] * width
        left = list(range(width))
        row, low = added, 0.0
        visited: list[int] = []
        while True:
            price, costs = low - of_row[row], cost[row]
            for column in left:
                further = price + costs[column] - of_column[column]
                if further < distance[column]:
                    distance[column], before[column] = further, row
            column = min(left, key=distance.__getitem__)
            low = distance[column]
            left.remove(column)
            row = row_of[column]
            if row < 0:
                break
            visited.append(row)
        of_row[added] += low
        for row in visited:
            of_row[row] += low - distance[column_of[row]]
            of_column[column_of[row]] += distance[column_of[row]] - low
        while True:
            row = before[column]
            row_of[column] = row
            column_of[row], column = column, column_of[row]
            if row == added:
                break
    return column_of
