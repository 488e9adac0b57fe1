"""Where outputs hold boxes: by the card's head, or told by the outputs' shapes and names."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import MetricError
from lepton_edge_runtime.card import Card
from lepton_edge_runtime.heads import kind_of
from lepton_edge_runtime.tasks.boxes import HEADS, Finder
from lepton_edge_runtime.tasks.boxes.found import Boxes
from lepton_edge_runtime.tasks.limits import Limits

_CLASS_WORDS = ("class", "label", "categor")
_LEAST = 0.01
"""Least score of a box that counts; the mean precision asks for weak ones too."""


def read_boxes(outputs: Sequence[NDArray[Any]], card: Card) -> list[Boxes]:
    """Return the boxes of each sample; outputs are real numbers, samples first.

    Boxes are only ever compared with each other, so their unit does not matter; corners may come x or y first.

    Raises:
        MetricError: The outputs hold no boxes, or in a way that is not known.
    """
    if card.head is not None and kind_of(card.head) in HEADS:
        return _by_head(outputs, card)
    names = [end.tensor.name for end in card.outputs]
    if len(outputs) == 1 and outputs[0].ndim == 3 and min(outputs[0].shape[1:]) > 4:
        return _single(outputs[0])
    corners = next((i for i, array in enumerate(outputs) if array.ndim == 3 and array.shape[-1] == 4), None)
    if corners is not None:
        others = {
            names[i]: array
            for i, array in enumerate(outputs)
            if i != corners and array.shape[:2] == outputs[corners].shape[:2]
        }
        found = _scores_and_classes(others)
        if found is not None:
            return [Boxes(*one) for one in zip(np.asarray(outputs[corners], np.float32), *found, strict=True)]
    shapes = ", ".join(f"{name} {array.shape[1:]}" for name, array in zip(names, outputs, strict=True))
    raise MetricError(
        "the metric 'map' is for boxes × 4 with scores (boxes, or boxes × classes) and perhaps classes, or one output "
        f"of 4 + classes × boxes; this model's are {shapes}"
    )


def _by_head(outputs: Sequence[NDArray[Any]], card: Card) -> list[Boxes]:
    # The outputs are real numbers already: the head shall not scale them again.
    ends = tuple(
        msgspec.structs.replace(end, tensor=msgspec.structs.replace(end.tensor, dtype="float32", quant=None))
        for end in card.outputs
    )
    find = Finder(msgspec.structs.replace(card, outputs=ends), Limits(min_score=_LEAST))
    samples = zip(*outputs, strict=True)
    return [find([one.reshape(end.tensor.shape) for one, end in zip(sample, ends, strict=True)]) for sample in samples]


def _single(array: NDArray[Any]) -> list[Boxes]:
    """Return the boxes of one output of centre, size and class scores: 4 + classes × boxes, or the other way round."""
    rows = array if array.shape[1] > array.shape[2] else array.transpose(0, 2, 1)
    centre, half = rows[..., :2], rows[..., 2:4] / 2
    corners = np.concatenate([centre - half, centre + half], axis=-1).astype(np.float32)
    scores = rows[..., 4:]
    return [
        Boxes(*one) for one in zip(corners, scores.max(axis=-1).astype(np.float32), scores.argmax(axis=-1), strict=True)
    ]


def _scores_and_classes(others: dict[str, NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any]] | None:
    by_class = next((array for array in others.values() if array.ndim == 3), None)
    if by_class is not None:
        return by_class.max(axis=-1).astype(np.float32), by_class.argmax(axis=-1)
    flat = {name: array for name, array in others.items() if array.ndim == 2}
    classes = next((name for name in flat if any(word in name.lower() for word in _CLASS_WORDS)), None)
    scores = next((array for name, array in flat.items() if name != classes), None)
    if scores is None or len(flat) > 2 or (len(flat) == 2 and classes is None):
        return None
    found = np.zeros(scores.shape) if classes is None else flat[classes]
    return scores.astype(np.float32), np.rint(found).astype(np.int64)
