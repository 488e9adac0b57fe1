"""Detection: boxes around things, in pixels of the picture."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.card import Card
from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.plan import Placement
from lepton_edge_runtime.results import Detections, Origin
from lepton_edge_runtime.tasks import Decode, Limits
from lepton_edge_runtime.tensors import dequantize


@dataclass(frozen=True, slots=True)
class Boxes:
    """What a head finds.

    Attributes:
        xyxy: ``float32``, n × 4: left, top, right, bottom in pixels of the model's input.
        score: ``float32``, n.
        class_id: ``int64``, n.
    """

    xyxy: NDArray[np.float32]
    score: NDArray[np.float32]
    class_id: NDArray[np.int64]


_CLASSES_END = 1 << 31

Head = Callable[[Sequence[NDArray[Any]]], Boxes]
"""Outputs, as stored and in the card's order, to boxes."""


def tflite_postprocess(card: Card, size: tuple[int, int]) -> Head:
    """Return the head of TFLite's operator ``TFLite_Detection_PostProcess``.

    It answers boxes (1 × n × 4: top, left, bottom, right as shares of the input), classes (1 × n), scores (1 × n)
    and how many of them count (1), the best first; suppression has been done.
    """
    specs = [output.tensor for output in card.outputs]
    count = specs[0].shape[1] if len(specs) == 4 and len(specs[0].shape) == 3 else 0
    if [spec.shape for spec in specs] != [(1, count, 4), (1, count), (1, count), (1,)]:
        shapes = ", ".join(str(spec.shape) for spec in specs)
        raise BundleError(
            f"the head 'tflite_postprocess' has boxes, classes, scores and their count: 1 × n × 4, 1 × n, 1 × n, 1; "
            f"this model's outputs are {shapes}"
        )
    width, height = size
    scale = np.array([width, height, width, height], np.float32)

    def decode(outputs: Sequence[NDArray[Any]]) -> Boxes:
        corners, classes, scores, counted = (
            dequantize(stored, spec)[0] for stored, spec in zip(outputs, specs, strict=True)
        )
        valid = int(np.clip(np.nan_to_num(counted), 0, count))
        with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is left out
            xyxy = np.asarray(corners[:valid, [1, 0, 3, 2]] * scale, np.float32)
        score, classes = np.asarray(scores[:valid], np.float32), classes[:valid]
        found = np.isfinite(xyxy).all(axis=1) & (score > 0) & np.isfinite(score)
        found &= (classes > -0.5) & (classes < _CLASSES_END)
        return Boxes(xyxy[found], score[found], np.rint(classes[found]).astype(np.int64))

    return decode


HEADS: Mapping[str, Callable[[Card, tuple[int, int]], Head]] = {"tflite_postprocess": tflite_postprocess}
"""How the outputs of detectors are laid out, by the card's ``head``; each makes a head for a card and an input size."""


class Detect:
    """Decodes boxes by the card's head, and puts them back into the picture."""

    def __init__(self, card: Card, min_score: float) -> None:
        if card.head not in HEADS:
            raise BundleError(f"no detection head {card.head!r}; there are: {', '.join(HEADS)}")
        preprocess = card.inputs[0].preprocess
        if len(card.inputs) != 1 or preprocess is None:
            raise BundleError("the task 'detect' takes one picture, and this model does not")
        size = preprocess.completed(card.inputs[0].tensor).size
        assert size is not None  # noqa: S101 - completed() filled it in
        self._head = HEADS[card.head](card, size)
        self._labels = card.labels
        self._min_score = min_score

    def __call__(self, outputs: Sequence[NDArray[Any]], placement: Placement | None, origin: Origin) -> Detections:
        """Return the boxes, the best first; in pixels of the input where a tensor was given instead of a picture."""
        boxes = self._head(outputs)
        order = np.argsort(-boxes.score, kind="stable")
        order = order[boxes.score[order] >= self._min_score]
        xyxy = boxes.xyxy[order] if placement is None else _in_picture(boxes.xyxy[order], placement)
        class_id = boxes.class_id[order]
        return Detections(xyxy, boxes.score[order], class_id, tuple(map(self._label, class_id.tolist())), origin)

    def _label(self, class_id: int) -> str:
        return self._labels[class_id] if 0 <= class_id < len(self._labels) else str(class_id)


def _in_picture(xyxy: NDArray[np.float32], placement: Placement) -> NDArray[np.float32]:
    """Return boxes of the input in pixels of the picture, cut at its edges."""
    offset = np.array([placement.offset_x, placement.offset_y] * 2)
    scale = np.array([placement.scale_x, placement.scale_y] * 2)
    edges = [placement.width, placement.height] * 2
    return np.asarray(np.clip((xyxy - offset) / scale, 0, edges), np.float32)


def make(card: Card, limits: Limits) -> Decode:
    """Return the decoder for a card."""
    return Detect(card, limits.min_score)
