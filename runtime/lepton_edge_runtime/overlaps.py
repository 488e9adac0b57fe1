"""How much boxes have in common."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def overlap(boxes: NDArray[Any], others: NDArray[Any]) -> NDArray[np.float64]:
    """Return intersection over union of each pair: boxes × others; both n × 4, two corners, the lesser first."""
    one, other = np.asarray(boxes, np.float64)[:, np.newaxis], np.asarray(others, np.float64)[np.newaxis]
    sides = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    inside = np.clip(sides, 0, None).prod(axis=-1)
    areas = [(each[..., 2:] - each[..., :2]).clip(0, None).prod(axis=-1) for each in (one, other)]
    whole = areas[0] + areas[1] - inside
    return np.asarray(np.divide(inside, whole, out=np.zeros_like(inside), where=whole > 0))
