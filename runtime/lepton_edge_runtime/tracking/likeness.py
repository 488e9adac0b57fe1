"""How much a box that is expected and one that is seen are alike."""

import numpy as np
from numpy.typing import NDArray


def buffered_overlap(
    expected: NDArray[np.float32], buffer: NDArray[np.float32], seen: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return intersection over union of boxes that are widened before, n × m.

    What is less surely known is widened more, so that a thing that moved by more than its size between two frames is
    still met (Yang et al., Hard to Track Objects with Irregular Motions and Similar Appearances? Make It Easier by
    Buffering the Matching Space, WACV 2023; there the buffer is a constant share of the box).

    Args:
        expected: n × 4: centre x, centre y, width, height.
        buffer: n × 2: pixels that both boxes of a pair are widened by on either side, across and down.
        seen: m × 4: likewise.
    """
    half = expected[:, 2:] / 2
    low, high = expected[:, :2] - half, expected[:, :2] + half
    seen_half = seen[:, 2:] / 2
    seen_low, seen_high = seen[:, :2] - seen_half, seen[:, :2] + seen_half
    both = 2 * buffer
    sides = []
    for axis in (0, 1):
        side = np.minimum(high[:, axis, np.newaxis], seen_high[:, axis])
        side -= np.maximum(low[:, axis, np.newaxis], seen_low[:, axis])
        side += both[:, axis, np.newaxis]
        sides.append(np.maximum(side, 0, out=side))
    inner = sides[0]
    inner *= sides[1]
    area = (expected[:, 2] + both[:, 0]) * (expected[:, 3] + both[:, 1])
    seen_area = (seen[:, 2] + both[:, 0, np.newaxis]) * (seen[:, 3] + both[:, 1, np.newaxis])
    seen_area += area[:, np.newaxis]
    seen_area -= inner
    return np.asarray(np.divide(inner, seen_area, out=inner))
