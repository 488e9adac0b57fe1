"""Which pairs belong together, so that the sum of their likeness is the greatest."""

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
    possible = possible[np.ix_(rows, columns)]
    found = [(settled, its_column)]
    pairs = divmod(np.flatnonzero(possible), columns.size)
    for group_rows, group_columns in _groups(*(one.tolist() for one in pairs)):
        chosen_rows, chosen_columns = _solve(possible[np.ix_(group_rows, group_columns)])
        found.append((rows[group_rows[chosen_rows]], columns[group_columns[chosen_columns]]))
    return np.concatenate([one for one, _ in found]), np.concatenate([one for _, one in found])


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


def _groups(rows: list[int], columns: list[int]) -> list[Pairs]:
    """Return the rows and columns of each part of the graph that hangs together."""
    parent: dict[int, int] = {}

    def root(node: int) -> int:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for row, column in zip(rows, columns, strict=True):
        parent[root(row)] = root(~column)  # columns are told from rows by being below 0
    groups: dict[int, tuple[list[int], list[int]]] = {}
    for node in parent:
        of_rows, of_columns = groups.setdefault(root(node), ([], []))
        if node < 0:
            of_columns.append(~node)
        else:
            of_rows.append(node)
    return [(np.array(sorted(one), np.intp), np.array(sorted(other), np.intp)) for one, other in groups.values()]


def _solve(likeness: NDArray[Any]) -> Pairs:
    """Return the pairs of a small group; those of no likeness are left out."""
    if 1 in likeness.shape:
        best = int(likeness.argmax())
        row, column = divmod(best, likeness.shape[1])
        return np.array([row]), np.array([column])
    turned = likeness.shape[0] > likeness.shape[1]
    rows, columns = _shortest_paths(-(likeness.T if turned else likeness).astype(np.float64))
    if turned:
        rows, columns = columns, rows
    some = likeness[rows, columns] > 0
    return rows[some], columns[some]


def _shortest_paths(cost: NDArray[np.float64]) -> Pairs:
    """Return the cheapest column of each row; no more rows than columns.

    Rows are added one by one, each along the shortest augmenting path (Jonker & Volgenant, Computing 38, 1987; as
    told by Crouse, IEEE Transactions on Aerospace and Electronic Systems 52, 2016).
    """
    count, width = cost.shape
    of_row, of_column = np.zeros(count), np.zeros(width)  # the dual prices
    row_of, column_of = np.full(width, -1), np.full(count, -1)
    for added in range(count):
        distance, before = np.full(width, np.inf), np.full(width, -1)
        done = np.zeros(width, np.bool_)
        row, low = added, 0.0
        visited = []
        while True:
            further = low + cost[row] - of_row[row] - of_column
            shorter = ~done & (further < distance)
            distance[shorter], before[shorter] = further[shorter], row
            column = int(np.where(done, np.inf, distance).argmin())
            low = float(distance[column])
            done[column] = True
            row = int(row_of[column])
            if row < 0:
                break
            visited.append(row)
        of_row[added] += low
        of_row[visited] += low - distance[column_of[visited]]
        of_column[done] += distance[done] - low
        while row != added:
            row = int(before[column])
            row_of[column] = row
            column_of[row], column = column, int(column_of[row])
    return np.arange(count), column_of
