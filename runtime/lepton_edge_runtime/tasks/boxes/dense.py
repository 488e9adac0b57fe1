"""Heads with a row of numbers a box: YOLO's, and YOLOX's."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.boxes import corners_around
from lepton_edge_runtime.card import Card
from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.heads import Rows, Yolo, YoloEndToEnd, Yolox, kind_of
from lepton_edge_runtime.tasks.boxes.found import Boxes, Find, check_labels
from lepton_edge_runtime.tasks.scores import Scores
from lepton_edge_runtime.tensors import dequantize

_Corners = Callable[[NDArray[np.float32], NDArray[np.intp]], NDArray[np.float32]]
"""Four real numbers a box (n × 4), and which boxes they are, to left, top, right, bottom in pixels of the input."""


def make(card: Card, size: tuple[int, int], min_score: float) -> Find:
    """Return what finds the boxes of a card's outputs."""
    head = card.head
    assert isinstance(head, Yolo | Yolox)  # noqa: S101 - the table has these two here
    place = rows_output(card, head)
    spec = card.outputs[place].tensor
    columns = isinstance(head, Yolo) and head.layout == "columns"
    count, numbers = (spec.shape[2], spec.shape[1]) if columns else (spec.shape[1], spec.shape[2])
    has_objectness = isinstance(head, Yolox) or head.objectness
    first = 5 if has_objectness else 4
    extra = head.extra if isinstance(head, Rows) else 0
    last = numbers - extra
    if last <= first:
        raise BundleError(
            f"the head {kind_of(head)!r} has {first} numbers, scores of classes and {extra} more a box; "
            f"this model's output is {spec.shape_text()}"
        )
    check_labels(card.labels, last - first)
    scores = Scores(spec, head.apply, min_score)
    corners = _of_grids(head, size, count) if isinstance(head, Yolox) else _as_told(head, size)

    def find(outputs: Sequence[NDArray[Any]]) -> Boxes:
        stored = outputs[place][0]
        rows = stored.T if columns else stored
        # Scores are at most 1: where one factor is too low, so is the product.
        if has_objectness:
            kept = np.flatnonzero(rows[:, 4] >= scores.least)
        elif columns:
            kept = np.flatnonzero(rows[:, first:last].max(axis=1) >= scores.least)
        else:
            kept = np.flatnonzero(
                (rows[:, first:last] >= scores.least).any(axis=1)
            )  # quicker than the greatest of each
        taken = rows[kept]
        class_id = taken[:, first:last].argmax(axis=1)
        score = scores.real(taken[np.arange(kept.size), first + class_id])
        if has_objectness:
            with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is left out
                score *= scores.real(taken[:, 4])
        real = np.asarray(dequantize(taken[:, :4], spec), np.float32)
        rest = np.asarray(dequantize(taken[:, last:], spec), np.float32) if extra else None
        return Boxes(corners(real, kept), score, class_id, rest)

    return find


def rows_output(card: Card, head: Yolo | YoloEndToEnd | Yolox) -> int:
    """Return which output has the rows: the only one, or the one of three axes beside prototypes of masks.

    Raises:
        BundleError: There are other outputs than the head has.
    """
    ranks = [len(end.tensor.shape) for end in card.outputs]
    wanted = [3, 4] if isinstance(head, Rows) and head.masks else [3]
    if sorted(ranks) != wanted or any(end.tensor.shape[0] != 1 for end in card.outputs):
        shapes = ", ".join(end.tensor.shape_text() for end in card.outputs)
        beside = " and prototypes of masks of 4" if len(wanted) > 1 else ""
        raise BundleError(
            f"the head {kind_of(head)!r} has one output of 3 axes{beside}; this model's outputs are {shapes}"
        )
    return ranks.index(3)


def _as_told(head: Yolo, size: tuple[int, int]) -> _Corners:
    width, height = size if head.unit == "share" else (1, 1)
    scale = np.array([width, height, width, height], np.float32)

    def corners(told: NDArray[np.float32], _: NDArray[np.intp]) -> NDArray[np.float32]:
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is left out
            return corners_around(told * scale)

    return corners


def _of_grids(head: Yolox, size: tuple[int, int], count: int) -> _Corners:
    """Return YOLOX's ``(t + cell) * stride`` and ``exp(t) * stride``."""
    cells, strides = grids(head.strides, size)
    if len(cells) != count:
        raise BundleError(
            f"the head 'yolox' has {len(cells)} boxes for strides {head.strides} and pictures of {size[0]}×{size[1]}; "
            f"this model's output has {count}"
        )

    def corners(told: NDArray[np.float32], kept: NDArray[np.intp]) -> NDArray[np.float32]:
        stride = strides[kept]
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is left out
            return corners_around(np.hstack([told[:, :2] + cells[kept], np.exp(told[:, 2:])]) * stride)

    return corners


def grids(strides: Sequence[int], size: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return column and row of every cell (n × 2) and its stride (n × 1), grid after grid, row by row.

    Args:
        strides: Pixels between two cells, a grid each.
        size: Width and height of the input in pixels.
    """
    cells, steps = [], []
    for stride in strides:
        columns, rows = size[0] // stride, size[1] // stride
        down, along = np.divmod(np.arange(rows * columns, dtype=np.float32), max(columns, 1))
        cells.append(np.stack([along, down], axis=1))
        steps.append(np.full((rows * columns, 1), stride, np.float32))
    return np.concatenate(cells), np.concatenate(steps)
