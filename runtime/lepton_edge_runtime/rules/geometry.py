"""Points, polygons and lines, in shares of the picture."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
"""Across and down, each 0 to 1 of the picture's width and height."""


def inside(points: NDArray[np.float64], polygon: Sequence[Point]) -> NDArray[np.bool_]:
    """Return which points lie in a polygon, n; one with crossing sides has inside what an odd number of them encloses.

    Args:
        points: n × 2.
        polygon: Its corners, in order.
    """
    corners = np.asarray(polygon, np.float64)
    following = np.roll(corners, -1, axis=0)
    x, y = points[:, 0, np.newaxis], points[:, 1, np.newaxis]
    # A ray to the right meets a side that begins on one level and ends on another; a corner belongs to one side only.
    spans = (corners[:, 1] > y) != (following[:, 1] > y)
    height = np.where(following[:, 1] == corners[:, 1], 1, following[:, 1] - corners[:, 1])
    meets = corners[:, 0] + (y - corners[:, 1]) * (following[:, 0] - corners[:, 0]) / height
    return np.asarray((spans & (x < meets)).sum(axis=1) % 2 == 1)


def side(points: NDArray[np.float64], line: tuple[Point, Point]) -> NDArray[np.float64]:
    """Return how far points lie to the right of a line, n; to its left where it is below 0.

    Right is the right hand of whoever goes from the first end of the line to the second, in the picture as it is seen.
    """
    (x0, y0), (x1, y1) = line
    return np.asarray(
        ((x1 - x0) * (points[:, 1] - y0) - (y1 - y0) * (points[:, 0] - x0)) / float(np.hypot(x1 - x0, y1 - y0))
    )


def crosses(before: NDArray[np.float64], after: NDArray[np.float64], line: tuple[Point, Point]) -> NDArray[np.bool_]:
    """Return which ways, from a point to another, lead through between the ends of a line; n.

    Args:
        before: Where they begin; n × 2.
        after: Where they end; n × 2.
        line: Its two ends.
    """
    ends = np.asarray(line, np.float64)
    first, second = side(before, line), side(after, line)
    way = after - before
    to_ends = [way[:, 0] * (end[1] - before[:, 1]) - way[:, 1] * (end[0] - before[:, 0]) for end in ends]
    return np.asarray(((first > 0) != (second > 0)) & (to_ends[0] * to_ends[1] <= 0) & (way != 0).any(axis=1))
