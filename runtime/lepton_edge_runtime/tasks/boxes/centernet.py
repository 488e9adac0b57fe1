"""CenterNet's head: boxes round the peaks of heat maps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.boxes import corners_around
from lepton_edge_runtime.card import Card
from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.heads import Centernet
from lepton_edge_runtime.tasks.boxes.found import Boxes, Find, check_labels
from lepton_edge_runtime.tasks.scores import Scores
from lepton_edge_runtime.tensors import dequantize


def make(card: Card, size: tuple[int, int], min_score: float) -> Find:
    """Return what finds the boxes of a card's outputs: heat maps, sizes and offsets, in this order."""
    head = card.head
    assert isinstance(head, Centernet)  # noqa: S101 - the table has only this one here
    specs = [end.tensor for end in card.outputs]
    axes = (0, 1, 2) if head.layout == "nhwc" else (1, 2, 0)
    shapes = [tuple(spec.shape[1:][axis] for axis in axes) if len(spec.shape) == 4 else () for spec in specs]
    if (
        len(shapes) != 3
        or () in shapes
        or len({shape[:2] for shape in shapes}) != 1
        or {shapes[1][2], shapes[2][2]} != {2}
    ):
        raise BundleError(
            "the head 'centernet' has heat maps, sizes and offsets, the latter two of 2 channels and all of one height "
            f"and width; this model's outputs are {', '.join(spec.shape_text() for spec in specs)}"
        )
    rows, columns, classes = shapes[0]
    check_labels(card.labels, classes)
    scores = Scores(specs[0], head.apply, min_score)
    cell = np.array([size[0] / columns, size[1] / rows] * 2, np.float32)

    def find(outputs: Sequence[NDArray[Any]]) -> Boxes:
        heat, sizes, offsets = (stored[0].transpose(axes) for stored in outputs)
        y, x, class_id = _peaks(heat, scores.least)
        told = [
            np.asarray(dequantize(stored[y, x], spec), np.float32)
            for stored, spec in ((sizes, specs[1]), (offsets, specs[2]))
        ]
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is left out
            centred = np.hstack([np.stack([x, y], axis=1).astype(np.float32) + told[1], told[0]]) * cell
        return Boxes(corners_around(centred), scores.real(heat[y, x, class_id]), class_id)

    return find


def _peaks(heat: NDArray[Any], least: float) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return row, column and class of each cell of at least ``least`` that none of the eight around it surpasses."""
    y, x, class_id = np.nonzero(heat >= least)
    value = heat[y, x, class_id]
    peak = np.ones(y.size, np.bool_)
    rows, columns = heat.shape[:2]
    for down in (-1, 0, 1):
        for along in (-1, 0, 1):
            beside = heat[np.clip(y + down, 0, rows - 1), np.clip(x + along, 0, columns - 1), class_id]
            peak &= beside <= value
    return y[peak], x[peak], class_id[peak]
