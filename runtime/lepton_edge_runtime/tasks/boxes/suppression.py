"""Of boxes that tell of one thing, the surest: greedy non-maximum suppression within each class."""

import numpy as np
from numpy.typing import NDArray

_FIRST, _BLOCK = 48, 256
"""So many boxes are compared with each other at once. Few at first: they leave out most of the others."""


def suppress(xyxy: NDArray[np.float32], class_id: NDArray[np.int64], iou: float, most: int) -> NDArray[np.intp]:
    """Return the indices of the boxes that stay, in their order.

    A box stays unless one before it, of its class, stays and overlaps it by more than ``iou``.

    Args:
        xyxy: n × 4, the surest first: left, top, right, bottom.
        class_id: n.
        iou: Share, 0 to 1: intersection over union.
        most: End with so many.
    """
    boxes = _Boxes(xyxy, class_id, iou)
    kept = np.empty(0, np.intp)
    begin, size = 0, _FIRST
    while begin < len(xyxy) and kept.size < most:
        block = np.arange(begin, min(begin + size, len(xyxy)))
        if kept.size:
            block = block[~boxes.repeats(kept, block).any(axis=0)]
        if block.size:
            kept = np.concatenate([kept, block[_greedy(boxes.repeats(block, block))]])
        begin, size = begin + size, _BLOCK
    return kept[:most]


class _Boxes:
    """Boxes, ready to be compared."""

    def __init__(self, xyxy: NDArray[np.float32], class_id: NDArray[np.int64], iou: float) -> None:
        self._edges = np.ascontiguousarray(xyxy.T)
        left, top, right, bottom = self._edges
        # inner / (one + other - inner) > iou, as inner > iou / (1 + iou) * (one + other): no division, fewer passes.
        self._parts = (right - left) * (bottom - top) * np.float32(iou / (1 + iou))
        self._class_id = class_id.astype(np.int32)

    def repeats(self, first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return, first × second, which pairs are of one class and overlap by more than asked."""
        one, other = self._edges[:, first, np.newaxis], self._edges[:, second]
        width = np.minimum(one[2], other[2])
        width -= np.maximum(one[0], other[0])
        height = np.minimum(one[3], other[3])
        height -= np.maximum(one[1], other[1])
        np.maximum(width, 0, out=width)  # one factor is enough: below 0 the other makes no product that is greater
        width *= height
        parts = self._parts
        found: NDArray[np.bool_] = width > parts[first, np.newaxis] + parts[second]
        found &= self._class_id[first, np.newaxis] == self._class_id[second]
        return found


def _greedy(repeats: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return which rows stay, where ``repeats[i, j]`` tells that j goes if i stays and comes before it."""
    packed = np.packbits(repeats, axis=1, bitorder="little")
    # A row is one number, whose bit j is repeats[i, j]: an "or" of two numbers costs a tenth of one of two arrays.
    width, rows = packed.shape[1], packed.tobytes()
    gone, stays = 0, []
    for i in range(len(repeats)):
        if not gone >> i & 1:
            stays.append(i)
            gone |= int.from_bytes(rows[i * width : (i + 1) * width], "little")
    return np.array(stays, np.intp)
