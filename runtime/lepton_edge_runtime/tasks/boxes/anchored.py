"""Heads whose boxes are told relative to anchors: SSD, RetinaNet and their like."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.boxes import corners_around
from lepton_edge_runtime.card import Card
from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.heads import AnchorLevel, Ssd
from lepton_edge_runtime.tasks.boxes.found import Boxes, Find, check_labels
from lepton_edge_runtime.tasks.scores import Scores, softmax
from lepton_edge_runtime.tensors import dequantize


def make(card: Card, size: tuple[int, int], min_score: float) -> Find:
    """Return what finds the boxes of a card's outputs."""
    head = card.head
    assert isinstance(head, Ssd)  # noqa: S101 - the table has only this one here
    anchors = np.concatenate([_anchors(level) for level in head.levels])
    boxes, classes = _outputs(card, len(anchors))
    box_spec, class_spec = card.outputs[boxes].tensor, card.outputs[classes].tensor
    first = int(head.background)
    if class_spec.shape[2] <= first:
        raise BundleError(f"the head 'ssd' has no classes beside the background in {class_spec}")
    check_labels(card.labels, class_spec.shape[2] - first)
    order = [1, 0, 3, 2] if head.order == "yxhw" else [0, 1, 2, 3]
    variances = np.repeat(np.array(head.variances, np.float32), 2)
    scale = np.array([*size, *size], np.float32)
    scores = Scores(class_spec, head.apply, min_score) if head.apply != "softmax" else None

    def find(outputs: Sequence[NDArray[Any]]) -> Boxes:
        rows = outputs[classes][0]
        if scores is None:
            # A share depends on all classes of its row, so none can be left out before.
            shares = softmax(np.asarray(dequantize(rows, class_spec), np.float32))[:, first:]
            kept = np.flatnonzero((shares >= min_score).any(axis=1))
            taken = shares[kept]
        else:
            kept = np.flatnonzero((rows[:, first:] >= scores.least).any(axis=1))
            taken = rows[kept, first:]
        class_id = taken.argmax(axis=1)
        best = taken[np.arange(kept.size), class_id]
        told = np.asarray(dequantize(outputs[boxes][0][kept], box_spec), np.float32)[:, order] * variances
        near = anchors[kept]
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is left out
            centred = np.hstack([told[:, :2] * near[:, 2:] + near[:, :2], np.exp(told[:, 2:]) * near[:, 2:]])
        score = best if scores is None else scores.real(best)
        return Boxes(corners_around(centred * scale), score, class_id)

    return find


def _anchors(level: AnchorLevel) -> NDArray[np.float32]:
    """Return centre x, centre y, width and height of each anchor, shares of the input; n × 4."""
    down, along = np.divmod(np.arange(level.rows * level.columns), level.columns)
    centres = np.stack([(along + level.offset) / level.columns, (down + level.offset) / level.rows], axis=1)
    shapes = np.array(level.shapes)
    anchors = np.hstack([np.repeat(centres, len(shapes), axis=0), np.tile(shapes, (len(centres), 1))])
    return anchors.astype(np.float32)


def _outputs(card: Card, count: int) -> tuple[int, int]:
    """Return which output tells boxes, and which scores."""
    shapes = [end.tensor.shape for end in card.outputs]
    if len(shapes) == 2 and all(len(shape) == 3 and shape[:2] == (1, count) for shape in shapes):
        places = [i for i, shape in enumerate(shapes) if shape[2] == 4]
        if places:
            return places[0], 1 - places[0]  # with four classes both look alike, and boxes come first
    raise BundleError(
        f"the head 'ssd' has boxes and scores, 1 × {count} × 4 and 1 × {count} × classes by its anchors; this model's "
        f"outputs are {', '.join(end.tensor.shape_text() for end in card.outputs)}"
    )
