"""Heads whose boxes are finished in the model: weak ones are left out, and nothing else."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.card import Card
from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.heads import TflitePostprocess, YoloEndToEnd
from lepton_edge_runtime.tasks.boxes.dense import rows_output
from lepton_edge_runtime.tasks.boxes.found import Boxes, Find
from lepton_edge_runtime.tensors import dequantize

_CLASSES_END = 1 << 31


def make(card: Card, size: tuple[int, int], min_score: float) -> Find:
    """Return what finds the boxes of a card's outputs."""
    if isinstance(card.head, TflitePostprocess):
        return _tflite_postprocess(card, size)
    assert isinstance(card.head, YoloEndToEnd)  # noqa: S101 - the table has these two here
    return _end_to_end(card, card.head, size, min_score)


def _tflite_postprocess(card: Card, size: tuple[int, int]) -> Find:
    specs = [output.tensor for output in card.outputs]
    count = specs[0].shape[1] if len(specs) == 4 and len(specs[0].shape) == 3 else 0
    if [spec.shape for spec in specs] != [(1, count, 4), (1, count), (1, count), (1,)]:
        shapes = ", ".join(str(spec.shape) for spec in specs)
        raise BundleError(
            f"the head 'tflite_postprocess' has boxes, classes, scores and their count: 1 × n × 4, 1 × n, 1 × n, 1; "
            f"this model's outputs are {shapes}"
        )
    scale = np.array([*size, *size], np.float32)

    def find(outputs: Sequence[NDArray[Any]]) -> Boxes:
        corners, classes, scores, counted = (
            dequantize(stored, spec)[0] for stored, spec in zip(outputs, specs, strict=True)
        )
        valid = int(np.clip(np.nan_to_num(counted), 0, count))
        with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is left out
            xyxy = np.asarray(corners[:valid, [1, 0, 3, 2]] * scale, np.float32)
        score, classes = np.asarray(scores[:valid], np.float32), classes[:valid]
        found = np.flatnonzero((score > 0) & _are_classes(score, classes))
        return Boxes(xyxy[found], score[found], np.rint(classes[found]).astype(np.int64))

    return find


def _end_to_end(card: Card, head: YoloEndToEnd, size: tuple[int, int], min_score: float) -> Find:
    place = rows_output(card, head)
    spec = card.outputs[place].tensor
    numbers = 6 + head.extra
    if spec.shape[2] != numbers:
        raise BundleError(f"the head 'yolo_end_to_end' has an output of 1 × boxes × {numbers}, not {spec.shape_text()}")
    scale = np.array([*size, *size] if head.unit == "share" else [1] * 4, np.float32)

    def find(outputs: Sequence[NDArray[Any]]) -> Boxes:
        rows = np.asarray(dequantize(outputs[place][0], spec), np.float32)
        rows = rows[(rows[:, 4] >= min_score) & _are_classes(rows[:, 4], rows[:, 5])]
        with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is left out
            xyxy = rows[:, :4] * scale
        return Boxes(xyxy, rows[:, 4], np.rint(rows[:, 5]).astype(np.int64), rows[:, 6:] if head.extra else None)

    return find


def _are_classes(score: NDArray[np.float32], classes: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(score) & (classes > -0.5) & (classes < _CLASSES_END))
