"""Boxes out of tensors: how each head lays them out, and which of them stay."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.card import Card
from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.heads import Repeating, Scored, Yolo, kind_of
from lepton_edge_runtime.tasks.boxes.found import Boxes, Find
from lepton_edge_runtime.tasks.boxes.suppression import suppress
from lepton_edge_runtime.tasks.limits import Limits

CANDIDATES_MAX = 5000
"""Most boxes of enough score that are compared with each other; the surest are."""

_FAR = 1e7


class HeadModule(Protocol):
    """What the module of a head offers."""

    def make(self, card: Card, size: tuple[int, int], min_score: float) -> Find:
        """Return what finds the boxes of a card's outputs.

        Args:
            card: Its ``head`` is one of the module's.
            size: Width and height of the input in pixels.
            min_score: Least score, 0 to 1.

        Raises:
            BundleError: The outputs are not laid out as the head says.
        """
        ...


HEADS: Mapping[str, str] = {
    "tflite_postprocess": "finished",
    "yolo": "dense",
    "yolo_end_to_end": "finished",
    "yolox": "dense",
    "ssd": "anchored",
    "centernet": "centernet",
    "yunet": "yunet",
}
"""Heads that find boxes, by the name that they have in a card, and the module in this package that knows them."""


class Finder:
    """Finds the boxes that a card's outputs tell of, the surest first and none twice.

    Attributes:
        size: Width and height of the input in pixels.

    Args:
        card: Has a head of ``HEADS``, and one input that takes a picture.
        limits: What is left out.

    Raises:
        BundleError: The card has no such head, or does not fit it.
    """

    def __init__(self, card: Card, limits: Limits) -> None:
        head = card.head
        if head is None or kind_of(head) not in HEADS:
            told = "none" if head is None else repr(kind_of(head))
            raise BundleError(
                f"the task {card.task!r} needs a head that says how boxes are laid out: {', '.join(HEADS)}; this "
                f"card's is {told}"
            )
        self.size = input_size(card)
        of_head = head.min_score if isinstance(head, Scored) else 0.0
        self._min_score = of_head if limits.min_score is None else limits.min_score
        # Where the model itself leaves out the repeated, nothing is to be compared.
        self._iou: float | None = None
        if isinstance(head, Repeating | Yolo):
            self._iou = head.iou if limits.iou is None else limits.iou
        self._most = limits.boxes
        module = cast("HeadModule", import_module(f"{__name__}.{HEADS[kind_of(head)]}"))
        self._find = module.make(card, self.size, self._min_score)

    def __call__(self, outputs: Sequence[NDArray[Any]]) -> Boxes:
        """Return the boxes, in pixels of the input."""
        boxes = self._find(outputs)
        # What is no number, or lies beyond all pictures, is no box.
        near = (np.abs(boxes.xyxy) < _FAR).all(axis=1)
        kept = np.flatnonzero(near & (boxes.score >= np.float32(self._min_score)) & (boxes.score < np.inf))
        order = kept[np.argsort(-boxes.score[kept], kind="stable")]
        if self._iou is None:
            return boxes[order[: self._most]]
        boxes = boxes[order[:CANDIDATES_MAX]]
        return boxes[suppress(boxes.xyxy, boxes.class_id, self._iou, self._most)]


def input_size(card: Card) -> tuple[int, int]:
    """Return width and height, in pixels, of the one picture that a card's model takes.

    Raises:
        BundleError: It takes none, or has several inputs.
    """
    preprocess = card.inputs[0].preprocess
    if len(card.inputs) != 1 or preprocess is None:
        raise BundleError(f"the task {card.task!r} takes one picture, and this model does not")
    size = preprocess.completed(card.inputs[0].tensor).size
    assert size is not None  # noqa: S101 - completed() filled it in
    return size
