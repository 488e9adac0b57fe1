"""Which of several things nothing else beats."""

from collections.abc import Sequence
from math import inf, isnan


def pareto(points: Sequence[tuple[float, float]]) -> tuple[int, ...]:
    """Return the indices of the points on the Pareto front, the cheapest first; equal points keep their order.

    A point is on it unless another costs no more and is no worse, and differs in one of the two. One that is no
    number is on no front.

    Args:
        points: Of each its cost, of which less is better, and its worth, of which more is.

    Example:
        >>> pareto([(1, 0.8), (2, 0.9), (3, 0.85)])
        (0, 1)
    """
    numbers = [i for i, point in enumerate(points) if not any(map(isnan, point))]
    front: list[int] = []
    best = -inf
    for i in sorted(numbers, key=lambda one: (points[one][0], -points[one][1])):
        if points[i][1] > best or (front and points[i] == points[front[-1]]) or not front:
            front.append(i)
            best = points[i][1]
    return tuple(front)
