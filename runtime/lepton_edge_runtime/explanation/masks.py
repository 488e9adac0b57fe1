"""What of a picture is hidden, question by question."""

from collections.abc import Iterator
from math import ceil

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.images import opencv

Mask = NDArray[np.float32]
"""Height × width of what is shown: 1 as it is, 0 hidden, between them a mixture."""

CELLS = {"classify": 7, "embed": 7, "detect": 16}
"""Cells along the shorter side, by the task, where nobody says: what is boxed is smaller than what is classified."""

_SHOWN = 0.5  # the share of cells that a random mask shows: what Petsiuk et al. use too


def random_masks(height: int, width: int, *, grid: int, count: int, seed: int) -> Iterator[Mask]:
    """Yield smooth random masks: coarse cells shown or hidden by chance, enlarged, and shifted by part of a cell.

    Source: V. Petsiuk, A. Das, K. Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models",
    BMVC 2018, section 3.2.

    Args:
        height: Of the masks in pixels.
        width: Likewise.
        grid: Cells along the shorter side.
        count: How many masks.
        seed: The same seed gives the same masks.
    """
    cv2, rng = opencv(), np.random.default_rng(seed)
    side = patch_side(height, width, grid=grid)
    rows, columns = ceil(height / side) + 1, ceil(width / side) + 1
    for _ in range(count):
        cells = (rng.random((rows, columns)) < _SHOWN).astype(np.float32)
        top, left = (int(one) for one in rng.integers(0, side, 2))
        smooth = cv2.resize(cells, (columns * side, rows * side), interpolation=cv2.INTER_LINEAR)
        yield smooth[top : top + height, left : left + width]


def sliding_patches(height: int, width: int, *, grid: int) -> Iterator[Mask]:
    """Yield masks that hide one square patch each; half of a patch lies between one and the next, and none is missed.

    Source: M. D. Zeiler, R. Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2.

    Args:
        height: Of the masks in pixels.
        width: Likewise.
        grid: Patches beside each other along the shorter side.
    """
    side = patch_side(height, width, grid=grid)
    for top in _begins(height, side):
        for left in _begins(width, side):
            mask = np.ones((height, width), np.float32)
            mask[top : top + side, left : left + side] = 0
            yield mask


def count_patches(height: int, width: int, *, grid: int) -> int:
    """Return how many masks ``sliding_patches`` yields."""
    side = patch_side(height, width, grid=grid)
    return len(_begins(height, side)) * len(_begins(width, side))


def patch_side(height: int, width: int, *, grid: int) -> int:
    """Return the side of a cell or patch in pixels."""
    return max(1, ceil(min(height, width) / grid))


def _begins(length: int, side: int) -> list[int]:
    """Return where patches begin; the last ends with the picture."""
    last = max(0, length - side)
    return [*range(0, last, max(1, side // 2)), last]
