"""Pictures of coloured squares on a dim ground, and where they are: what the made detector looks for."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Level = int
"""Which of the three: 0 looks for the smallest."""

STRIDES = (8, 16, 32)
"""Pixels of the model's input between two cells of each level."""

SQUARE_CELLS = 5
"""Width of what a level looks for, in its cells."""

COLORS: Mapping[int, tuple[int, tuple[int, int, int]]] = {
    0: (0, (1, 0, 0)),
    1: (0, (0, 1, 0)),
    2: (1, (0, 0, 1)),
    3: (1, (1, 1, 0)),
    4: (2, (0, 1, 1)),
    5: (2, (1, 0, 1)),
}
"""By class: the level that looks for it, and its red, green and blue."""

LABELS = ("red", "green", "blue", "yellow", "cyan", "magenta", *(f"class {i}" for i in range(6, 80)))

_HEIGHT, _WIDTH = 720, 1280
_TRIES = 400

Square = tuple[int, tuple[int, int, int, int]]
"""Class, and left, top, right, bottom."""


def frames(count: int, size: int, wanted: Sequence[int]) -> tuple[NDArray[np.uint8], list[list[Square]]]:
    """Return frames of 720 × 1280 pixels, BGR, and what is on each.

    Args:
        count: How many.
        size: Side of the model's input, which a frame is fitted into: it says how large squares are.
        wanted: How many squares of each level a frame has, as far as there is room.
    """
    rng = np.random.default_rng(0)
    drawn, known = [], []
    for _ in range(count):
        frame = rng.integers(30, 70, (_HEIGHT // 8, _WIDTH // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        squares: list[Square] = []
        for level in sorted(range(len(wanted)), reverse=True):  # the largest first: they find room now or never
            for _ in range(wanted[level]):
                square = _place(rng, level, size, squares)
                if square:
                    squares.append(square)
                    _paint(frame, square, int(rng.integers(230, 256)))
        drawn.append(frame)
        known.append(squares)
    return np.stack(drawn), known


def _place(rng: np.random.Generator, level: int, size: int, others: Sequence[Square]) -> Square | None:
    """Return a square round the middle of one of the level's cells, half its width away from all others."""
    scale = _WIDTH / size
    cell, top = STRIDES[level] * scale, (size - _HEIGHT / scale) / 2 * scale
    side = round(SQUARE_CELLS * cell)
    classes = [one for one, (at, _) in COLORS.items() if at == level]
    for _ in range(_TRIES):
        column, row = rng.integers(0, int(size / STRIDES[level]), 2)
        left, up = round((column + 0.5) * cell - side / 2), round((row + 0.5) * cell - top - side / 2)
        box = (left, up, left + side, up + side)
        # Windows over the picture's left and right edges see but its inner part: a square there is found askew.
        across = side // 2 <= box[0] and box[2] <= _WIDTH - side // 2
        inside = across and box[1] >= 0 and box[3] <= _HEIGHT
        if inside and not any(_near(box, other, side // 2) for _, other in others):
            return int(rng.choice(classes)), box
    return None


def _near(one: tuple[int, ...], other: tuple[int, ...], gap: int) -> bool:
    across = one[0] - gap < other[2] and other[0] - gap < one[2]
    return across and one[1] - gap < other[3] and other[1] - gap < one[3]


def _paint(frame: NDArray[np.uint8], square: Square, bright: int) -> None:
    class_id, (left, top, right, bottom) = square
    frame[top:bottom, left:right] = [bright * part for part in reversed(COLORS[class_id][1])]
