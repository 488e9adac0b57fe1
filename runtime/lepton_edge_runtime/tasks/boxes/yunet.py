"""YuNet's head: faces, with five key points each."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.boxes import corners_around
from lepton_edge_runtime.card import Card
from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.heads import Yunet
from lepton_edge_runtime.tasks.boxes.dense import grids
from lepton_edge_runtime.tasks.boxes.found import Boxes, Find
from lepton_edge_runtime.tensors import dequantize

_WIDTHS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}


def make(card: Card, size: tuple[int, int], min_score: float) -> Find:
    """Return what finds the faces of a card's outputs."""
    head = card.head
    assert isinstance(head, Yunet)  # noqa: S101 - the table has only this one here
    places = _places(card, head, size)
    cells, steps = grids(head.strides, size)

    def find(outputs: Sequence[NDArray[Any]]) -> Boxes:
        classes, objectness, told, points = (
            np.concatenate([_real(outputs[place], card, place) for place in places[kind]]) for kind in _WIDTHS
        )
        score = np.sqrt(np.clip(classes, 0, 1) * np.clip(objectness, 0, 1))[:, 0]
        kept = np.flatnonzero(score >= min_score)
        cell, step = cells[kept], steps[kept]
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is left out
            centred = np.hstack([told[kept, :2] + cell, np.exp(told[kept, 2:])]) * step
            around = (points[kept].reshape(-1, 5, 2) + cell[:, np.newaxis]) * step[:, np.newaxis]
        none = np.zeros(kept.size, np.int64)
        return Boxes(corners_around(centred), score[kept], none, around.reshape(-1, 10))

    return find


def _real(stored: NDArray[Any], card: Card, place: int) -> NDArray[np.float32]:
    return np.asarray(dequantize(stored[0], card.outputs[place].tensor), np.float32)


def _places(card: Card, head: Yunet, size: tuple[int, int]) -> dict[str, list[int]]:
    """Return which outputs are of a kind, by kind, in the order of the strides."""
    found = {}
    for place, end in enumerate(card.outputs):
        named = re.search(r"(cls|obj|bbox|kps)_?(\d+)", end.tensor.name)
        if named:
            found[named[1], int(named[2])] = place
    places: dict[str, list[int]] = {}
    for kind, width in _WIDTHS.items():
        for stride in head.strides:
            wanted = (1, (size[0] // stride) * (size[1] // stride), width)
            at = found.get((kind, stride))
            if at is None or card.outputs[at].tensor.shape != wanted:
                have = ", ".join(str(end.tensor) for end in card.outputs)
                raise BundleError(
                    f"the head 'yunet' has an output '{kind}_{stride}' of the shape {wanted}; there are: {have}"
                )
            places.setdefault(kind, []).append(at)
    return places
