"""How well tracks hold: CLEAR MOT (Bernardin & Stiefelhagen, 2008) and IDF1 (Ristani et al., 2016)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from lepton_edge_runtime.boxes import overlap

_LEAST = 0.5  # overlap from which on a box may stand for a body


@dataclass(frozen=True, slots=True)
class Quality:
    """What became of a sequence.

    Attributes:
        idf1: Of all bodies and boxes, the share that carries the right number throughout, 0 to 1.
        mota: 1 less misses, false boxes and switches, each as a share of all bodies.
        switches: How often a body went on under another number.
        numbers: How many numbers were given.
    """

    idf1: float
    mota: float
    switches: int
    numbers: int


@dataclass(frozen=True, slots=True)
class Scored:
    """One frame: the true numbers (n) and boxes (n × 4), and those that a tracker gave (m, m × 4)."""

    true: NDArray[np.int64]
    bodies: NDArray[np.float64]
    numbers: NDArray[np.int64]
    boxes: NDArray[np.float64]


def quality(frames: Sequence[Scored]) -> Quality:
    """Return how well a tracker did."""
    last: dict[int, int] = {}
    misses = strays = switches = 0
    together: dict[tuple[int, int], int] = {}
    for frame in frames:
        alike = overlap(frame.bodies, frame.boxes)
        for i, j in zip(*np.nonzero(alike >= _LEAST), strict=True):
            pair = int(frame.true[i]), int(frame.numbers[j])
            together[pair] = together.get(pair, 0) + 1
        pairs = _matched(frame, alike, last)
        for true, number in pairs.items():
            switches += last.get(true, number) != number
            last[true] = number
        misses += len(frame.true) - len(pairs)
        strays += len(frame.numbers) - len(pairs)
    bodies, boxes = (
        sum(len(part) for part in parts) for parts in zip(*((f.true, f.numbers) for f in frames), strict=True)
    )
    return Quality(
        2 * _right(together) / (bodies + boxes), 1 - (misses + strays + switches) / bodies, switches,
        len({int(number) for frame in frames for number in frame.numbers}),
    )  # fmt: skip


def _matched(frame: Scored, alike: NDArray[np.float64], last: dict[int, int]) -> dict[int, int]:
    """Return which number stands for which body: the one that it had where that still fits, else the best left."""
    pairs: dict[int, int] = {}
    free = (alike >= _LEAST).astype(np.float64) * alike
    for i, true in enumerate(frame.true.tolist()):
        for j in np.flatnonzero(frame.numbers == last.get(true, -1)).tolist():
            if free[i, j] > 0:
                pairs[true] = int(frame.numbers[j])
                free[i], free[:, j] = 0, 0
    for i, j in zip(*linear_sum_assignment(free, maximize=True), strict=True):
        if free[i, j] > 0:
            pairs[int(frame.true[i])] = int(frame.numbers[j])
    return pairs


def _right(together: dict[tuple[int, int], int]) -> int:
    """Return in how many places bodies carry their number, where each body has the one that suits it best overall."""
    trues, numbers = (sorted({pair[side] for pair in together}) for side in (0, 1))
    counts = np.zeros((len(trues), len(numbers)))
    for (true, number), count in together.items():
        counts[trues.index(true), numbers.index(number)] = count
    return int(counts[linear_sum_assignment(counts, maximize=True)].sum())
