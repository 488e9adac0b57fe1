"""Boxes as arrays: by their corners, by their centres, and compared."""

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


def corners_around(centred: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return left, top, right, bottom of centre x, centre y, width, height; n × 4."""
    half = centred[:, 2:] / 2
    return np.hstack([centred[:, :2] - half, centred[:, :2] + half])


def centred_of(xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return centre x, centre y, width, height of left, top, right, bottom; n × 4."""
    size = xyxy[:, 2:] - xyxy[:, :2]
    return np.hstack([xyxy[:, :2] + size / 2, size])
