"""Key points of bodies, hands and faces, in pixels of the picture."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.card import Card
from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.heads import Heatmaps, Movenet, Rows, Simcc, Yunet, kind_of
from lepton_edge_runtime.plan import Placement
from lepton_edge_runtime.results import Origin, Poses
from lepton_edge_runtime.results.poses import COCO_POINTS, FACE_POINTS
from lepton_edge_runtime.tasks import Decode, Limits
from lepton_edge_runtime.tasks.boxes import Finder, input_size
from lepton_edge_runtime.tasks.placing import boxes_in_picture, points_in_picture
from lepton_edge_runtime.tasks.scores import Scores
from lepton_edge_runtime.tensors import dequantize


@dataclass(frozen=True, slots=True)
class Bodies:
    """What a head finds, in pixels of the input.

    Attributes:
        points: ``float32``, n × k × 2: x and y.
        point_score: ``float32``, n × k.
        score: ``float32``, n; ``None`` where the model tells none.
        xyxy: ``float32``, n × 4; ``None`` where the model tells none.
    """

    points: NDArray[np.float32]
    point_score: NDArray[np.float32]
    score: NDArray[np.float32] | None = None
    xyxy: NDArray[np.float32] | None = None


_Read = Callable[[Sequence[NDArray[Any]]], Bodies]


class Pose:
    """Decodes key points by the card's head, and puts them back into the picture."""

    def __init__(self, card: Card, limits: Limits) -> None:
        kind = "none" if card.head is None else kind_of(card.head)
        if kind not in _HEADS:
            raise BundleError(
                f"the task 'pose' needs a head that tells key points: {', '.join(_HEADS)}; this card has {kind}"
            )
        self._read, count = _HEADS[kind](card, limits)
        known = FACE_POINTS if isinstance(card.head, Yunet) else COCO_POINTS
        names = card.points or (known if len(known) == count else tuple(map(str, range(count))))
        if len(names) != count:
            raise BundleError(f"there are {len(names)} names for {count} key points")
        self._names = names

    def __call__(self, outputs: Sequence[NDArray[Any]], placement: Placement | None, origin: Origin) -> Poses:
        """Return the bodies, the best first."""
        found = self._read(outputs)
        points = points_in_picture(found.points, placement)
        if found.xyxy is None:
            box = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
        else:
            box = boxes_in_picture(found.xyxy, placement)
        score = found.point_score.mean(axis=1) if found.score is None else found.score
        return Poses(box, score, points, found.point_score, self._names, origin)


def _boxed(card: Card, limits: Limits) -> tuple[_Read, int]:
    """Boxes, with key points behind them."""
    head = card.head
    find = Finder(card, limits)
    if isinstance(head, Yunet):
        count, numbers, first, scale = 5, 2, 0, np.ones(2, np.float32)
    else:
        assert isinstance(head, Rows)  # noqa: S101 - the table has these here
        count, numbers, first = head.keypoints, head.keypoint_numbers, head.masks
        scale = np.array(find.size if head.unit == "share" else (1, 1), np.float32)
        if not count:
            raise BundleError(f"the task 'pose' needs key points, and the card's head {kind_of(head)!r} has none")

    def read(outputs: Sequence[NDArray[Any]]) -> Bodies:
        boxes = find(outputs)
        assert boxes.extra is not None  # noqa: S101 - the head has points
        told = boxes.extra[:, first:].reshape(-1, count, numbers)
        sure = told[..., 2] if numbers == 3 else np.ones(told.shape[:2], np.float32)
        return Bodies(told[..., :2] * scale, sure, boxes.score, boxes.xyxy)

    return read, count


def _heatmaps(card: Card, limits: Limits) -> tuple[_Read, int]:
    """A heat map a key point."""
    del limits  # one body, whatever its score
    head = card.head
    assert isinstance(head, Heatmaps)  # noqa: S101 - the table says so
    size = input_size(card)
    spec = card.outputs[0].tensor
    if len(card.outputs) != 1 or len(spec.shape) != 4 or spec.shape[0] != 1:
        raise BundleError(f"the head 'heatmaps' has one output of 4 axes, and this model's first is {spec}")
    axes = (2, 0, 1) if head.layout == "nhwc" else (0, 1, 2)
    count, rows, columns = (spec.shape[1 + axis] for axis in axes)
    scores = Scores(spec, head.apply, 0)
    cell = np.array([size[0] / columns, size[1] / rows], np.float32)

    def read(outputs: Sequence[NDArray[Any]]) -> Bodies:
        maps = outputs[0][0].transpose(axes)
        y, x = np.divmod(maps.reshape(count, -1).argmax(axis=1), columns)
        every = np.arange(count)
        place = np.stack([x + 0.25 * _towards(maps, every, y, x, columns, across=True),
                          y + 0.25 * _towards(maps, every, y, x, rows, across=False)], axis=1)  # fmt: skip
        return Bodies((place.astype(np.float32) * cell)[np.newaxis], scores.real(maps[every, y, x])[np.newaxis])

    return read, count


def _towards(
    maps: NDArray[Any], every: NDArray[np.intp], y: NDArray[np.intp], x: NDArray[np.intp], cells: int, *, across: bool
) -> NDArray[np.int64]:
    """Return 1 where the next cell is greater than the one before, -1 where it is less, 0 at the edges."""
    at = x if across else y
    inside = (at > 0) & (at < cells - 1)
    after, before = np.minimum(at + 1, cells - 1), np.maximum(at - 1, 0)
    ends = [maps[every, y, one] if across else maps[every, one, x] for one in (after, before)]
    return np.where(inside, (ends[0] > ends[1]).astype(np.int64) - (ends[0] < ends[1]), 0)


def _movenet(card: Card, limits: Limits) -> tuple[_Read, int]:
    """MoveNet's y, x and score a point; of several bodies a box and a score follow."""
    head = card.head
    assert isinstance(head, Movenet)  # noqa: S101 - the table says so
    size = np.array(input_size(card), np.float32)
    spec = card.outputs[0].tensor
    single = len(spec.shape) == 4 and spec.shape[:2] == (1, 1) and spec.shape[3] == 3
    several = len(spec.shape) == 3 and spec.shape[0] == 1 and spec.shape[2] > 5 and (spec.shape[2] - 5) % 3 == 0
    if len(card.outputs) != 1 or not (single or several):
        raise BundleError(f"the head 'movenet' has 1 × 1 × points × 3, or 1 × bodies × (3 × points + 5), not {spec}")
    count = spec.shape[2] if single else (spec.shape[2] - 5) // 3
    least = head.min_score if limits.min_score is None else limits.min_score

    def read(outputs: Sequence[NDArray[Any]]) -> Bodies:
        real = np.asarray(dequantize(outputs[0][0], spec), np.float32)
        if single:
            return Bodies(real[:, :, 1::-1] * size, real[:, :, 2])
        real = real[np.argsort(-real[:, -1], kind="stable")]
        real = real[real[:, -1] >= least][: limits.boxes]
        points = real[:, :-5].reshape(-1, count, 3)
        boxes = real[:, [-4, -5, -2, -3]] * np.concatenate([size, size])
        return Bodies(points[:, :, 1::-1] * size, points[:, :, 2], real[:, -1], boxes)

    return read, count


def _simcc(card: Card, limits: Limits) -> tuple[_Read, int]:
    """Scores of columns and of rows."""
    del limits  # one body, whatever its score
    head = card.head
    assert isinstance(head, Simcc)  # noqa: S101 - the table says so
    size = input_size(card)
    specs = [end.tensor for end in card.outputs]
    wanted = [round(side * head.splits) for side in size]
    if (
        len(specs) != 2
        or any(len(one.shape) != 3 or one.shape[0] != 1 for one in specs)
        or ([one.shape[2] for one in specs] != wanted or specs[0].shape[1] != specs[1].shape[1])
    ):
        raise BundleError(
            f"the head 'simcc' has 1 × points × {wanted[0]} and 1 × points × {wanted[1]}; this model's outputs are "
            f"{', '.join(one.shape_text() for one in specs)}"
        )

    def read(outputs: Sequence[NDArray[Any]]) -> Bodies:
        at, sure = [], []
        for stored, spec in zip(outputs, specs, strict=True):
            best = stored[0].argmax(axis=1)
            at.append(best)
            sure.append(np.asarray(dequantize(np.take_along_axis(stored[0], best[:, None], 1)[:, 0], spec), np.float32))
        points = np.stack(at, axis=1).astype(np.float32) / np.float32(head.splits)
        return Bodies(points[np.newaxis], np.minimum(*sure)[np.newaxis])

    return read, specs[0].shape[1]


_HEADS: Mapping[str, Callable[[Card, Limits], tuple[_Read, int]]] = {
    "yolo": _boxed,
    "yolo_end_to_end": _boxed,
    "yunet": _boxed,
    "heatmaps": _heatmaps,
    "movenet": _movenet,
    "simcc": _simcc,
}
"""Heads that tell key points; each makes, for a card, what reads them, and says how many a body has."""


def make(card: Card, limits: Limits) -> Decode:
    """Return the decoder for a card."""
    return Pose(card, limits)
