"""Of boxes that tell of one thing, the surest: greedy non-maximum suppression within each class."""

import numpy as np
from numpy.typing import NDArray

_BLOCK = 192
"""So many boxes are compared with each other at once: their table of overlaps stays in the processor's cache."""


def suppress(xyxy: NDArray[np.float32], class_id: NDArray[np.int64], iou: float, most: int) -> NDArray[np.intp]:
    """Return the indices of the boxes that stay, in their order.

    A box stays unless one before it, of its class, stays and overlaps it by more than ``iou``.

    Args:
        xyxy: n × 4, the surest first: left, top, right, bottom.
        class_id: n.
        iou: Share, 0 to 1: intersection over union.
        most: End with so many.
    """
    edges = np.ascontiguousarray(xyxy.T)
    areas = (edges[2] - edges[0]) * (edges[3] - edges[1])
    kept = np.empty(0, np.intp)
    for begin in range(0, len(xyxy), _BLOCK):
        block = np.arange(begin, min(begin + _BLOCK, len(xyxy)))
        if kept.size:
            block = block[~_repeats(kept, block, edges, areas, class_id, iou).any(axis=0)]
        kept = np.concatenate([kept, block[_greedy(_repeats(block, block, edges, areas, class_id, iou))]])
        if kept.size >= most:
            break
    return kept[:most]


def _greedy(repeats: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return which rows stay, where ``repeats[i, j]`` tells that j goes if i stays."""
    stays = np.ones(len(repeats), np.bool_)
    # Only those that repeat a later one change anything.
    busy = np.flatnonzero(np.triu(repeats, 1).any(axis=1))
    for i in busy:
        if stays[i]:
            stays[i + 1 :] &= ~repeats[i, i + 1 :]
    return np.flatnonzero(stays)


def _repeats(
    first: NDArray[np.intp],
    second: NDArray[np.intp],
    edges: NDArray[np.float32],
    areas: NDArray[np.float32],
    class_id: NDArray[np.int64],
    iou: float,
) -> NDArray[np.bool_]:
    """Return, first × second, which pairs are of one class and overlap by more than ``iou``."""
    one, other = edges[:, first, np.newaxis], edges[:, second]
    width = np.minimum(one[2], other[2])
    width -= np.maximum(one[0], other[0])
    height = np.minimum(one[3], other[3])
    height -= np.maximum(one[1], other[1])
    np.maximum(width, 0, out=width)
    np.maximum(height, 0, out=height)
    shared = np.multiply(width, height, out=width)
    union = areas[first, np.newaxis] + areas[second]
    union -= shared
    # Not divided, so that two boxes without an area do not overlap.
    found: NDArray[np.bool_] = shared > np.multiply(union, np.float32(iou), out=union)
    found &= class_id[first, np.newaxis] == class_id[second]
    return found
