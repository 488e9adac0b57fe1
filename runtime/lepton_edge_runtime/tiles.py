"""A detector asked about parts of a picture, so that small things are large enough to be found."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.camera import Camera
from lepton_edge_runtime.choice import Choice
from lepton_edge_runtime.closing import Closing
from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.frame import Frame
from lepton_edge_runtime.images import Image, read_image
from lepton_edge_runtime.model import Gate, Model, answered
from lepton_edge_runtime.results import Detections, Result, Timing
from lepton_edge_runtime.results.moving import moved
from lepton_edge_runtime.results.naming import name_of
from lepton_edge_runtime.tasks.boxes.suppression import suppress
from lepton_edge_runtime.yuv import YuvImage, bgr_of

_NEAR_PIXELS = 2.0
"""A box that ends so near to a tile's inner edge may have been cut by it."""


R = TypeVar("R", bound=Result)


class PictureParts(Closing, Generic[R]):
    """A model that is asked about parts of each picture.

    Attributes:
        model: Whom it asks; whoever opened it closes it, and so does ``close``.
    """

    model: Any

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes; empty where the card has none."""
        return self.model.labels  # type: ignore[no-any-return]  # each kind says whom it asks

    @property
    def choice(self) -> Choice:
        """Which engine runs the model, and why."""
        return self.model.choice  # type: ignore[no-any-return]

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What neither the model's file nor the caller says, one sentence each."""
        return self.model.assumptions  # type: ignore[no-any-return]

    def __call__(self, sample: Image | YuvImage | str | Path) -> R:
        """Return the answer to a picture.

        Args:
            sample: Height × width × 3, BGR, or height × width, grey; ``uint8``; a camera's (``YuvImage``), converted
                first; or the path of a picture.

        Raises:
            InputError: It is no picture, a part lies outside of it, or there are several and the model finds no boxes.
        """
        return self._answer(read_image(sample) if isinstance(sample, str | Path) else bgr_of(sample), None)

    def answer(self, frame: Frame) -> R:
        """Return the answer to one frame of a camera; ``result.origin.frame`` is the frame."""
        return self._answer(frame.image, frame)

    def stream(self, camera: Camera, *, gate: Gate | None = None) -> Iterator[Result]:
        """Yield the answer to each frame of ``camera``; ``result.origin.frame`` is the frame.

        Args:
            camera: Where frames come from.
            gate: Asked about each frame, the whole of it, whether it is to be answered, such as a ``MotionGate``.
        """
        return answered(camera, self.answer, gate)

    def close(self) -> None:
        """Free the model's engine."""
        self.model.close()

    @abstractmethod
    def _answer(self, image: Image, frame: Frame | None) -> R:
        """Return the answer to a picture, which is that of a frame if there is one."""


class Tiled(PictureParts[Detections]):
    """A detector that is asked about overlapping tiles of each picture, and about the whole of it.

    A thing in several tiles is told once: of boxes of one class that overlap, the surest stays; of boxes that a
    tile's edge has cut, those that lie in an uncut one go, and those that continue each other become one.

    Attributes:
        model: The detector, which whoever opened it closes; ``close`` closes it too.

    Args:
        model: Answers ``Detections``.
        columns, rows: How many tiles lie beside and above each other.
        overlap: Share of a tile that its neighbour has too, 0 to below 1: as large as the largest of the small things.
        whole: Whether the whole picture is asked about too, for what is larger than a tile.
        iou: Boxes of one class that overlap by more than this share, 0 to 1, count as one.

    Raises:
        ValueError: Numbers that divide no picture.

    Example:
        >>> import lepton_edge as le
        >>> with le.open_model("coco.lepton") as model:   # doctest: +SKIP
        ...     print(le.Tiled(model, 2, 2)("square_4k.jpg"))
    """

    model: Model

    def __init__(
        self, model: Model, columns: int, rows: int, *, overlap: float = 0.2, whole: bool = True, iou: float = 0.45
    ) -> None:
        if columns < 1 or rows < 1 or not 0 <= overlap < 1 or not 0 <= iou <= 1:
            raise ValueError(
                f"tiles are 1 or more each way, overlap lies in 0..1 (below 1) and iou in 0..1, not {columns}, {rows}, "
                f"{overlap} and {iou}"
            )
        self.model = model
        self._grid = (columns, rows)
        self._overlap = overlap
        self._whole = whole and columns * rows > 1
        self._iou = iou

    def _answer(self, image: Image, frame: Frame | None) -> Detections:
        height, width = image.shape[:2]
        tiles = list(self._tiles(width, height))
        parts = []
        for left, top, right, bottom in tiles:
            part = self.model(image[top:bottom, left:right])
            if not isinstance(part, Detections):
                raise InputError(f"tiles are for detectors, and this model answers {type(part).__name__}")
            parts.append(moved(part, (left, top), (width, height)))
        return told_once(parts, tiles, (width, height), iou=self._iou, labels=self.labels, frame=frame)

    def _tiles(self, width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield left, top, right, bottom of each tile, and of the whole."""
        across, down = (
            _spans(length, count, self._overlap) for length, count in zip((width, height), self._grid, strict=True)
        )
        for top, bottom in down:
            for left, right in across:
                yield left, top, right, bottom
        if self._whole:
            yield 0, 0, width, height


def told_once(
    found: Sequence[Detections],
    parts: Sequence[tuple[int, int, int, int]],
    size: tuple[int, int],
    *,
    iou: float,
    labels: Sequence[str],
    frame: Frame | None,
) -> Detections:
    """Return what was found in parts of a picture, each thing once.

    Args:
        found: In each part, in pixels of the picture.
        parts: Left, top, right, bottom of each.
        size: Width and height of the picture in pixels.
        iou: Boxes of one class that overlap by more than this share count as one.
        labels: Names of the classes.
        frame: What all of it is about.
    """
    timing = Timing(
        sum(one.origin.timing.preprocess_ms for one in found), sum(one.origin.timing.inference_ms for one in found)
    )
    xyxy, score, class_id = merged(
        np.concatenate([one.xyxy for one in found]),
        np.concatenate([one.score for one in found]),
        np.concatenate([one.class_id for one in found]),
        np.concatenate([_are_cut(one.xyxy, part, size) for one, part in zip(found, parts, strict=True)]),
        iou,
    )
    names = tuple([name_of(one, tuple(labels)) for one in class_id.tolist()])
    return Detections(xyxy, score, class_id, names, replace(found[0].origin, timing=timing, frame=frame))


def _spans(length: int, count: int, overlap: float) -> list[tuple[int, int]]:
    """Return begin and end of equally long parts that cover ``length``, neighbours sharing ``overlap`` of one."""
    # count parts of which all but one add 1 - overlap of themselves.
    part = length / (1 + (count - 1) * (1 - overlap))
    begins = [i * part * (1 - overlap) for i in range(count)]
    return [(int(begin), min(length, ceil(begin + part))) for begin in begins]


def _are_cut(xyxy: NDArray[np.float32], tile: tuple[int, int, int, int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which boxes end at an edge of their tile that is none of the picture."""
    left, top, right, bottom = tile
    inner = np.array([left > 0, top > 0, right < size[0], bottom < size[1]])
    return np.asarray(((np.abs(xyxy - np.array(tile)) <= _NEAR_PIXELS) & inner).any(axis=1))


def merged(
    xyxy: NDArray[np.float32],
    score: NDArray[np.float32],
    class_id: NDArray[np.int64],
    cut: NDArray[np.bool_],
    iou: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Return boxes, scores and classes of each thing once, the surest first.

    Args:
        xyxy: n × 4: left, top, right, bottom.
        score: n.
        class_id: n.
        cut: n, whether a tile's edge may have cut the box.
        iou: Boxes of one class that overlap by more than this share count as one.
    """
    order = np.argsort(-score, kind="stable")
    whole = order[~cut[order]]
    whole = whole[suppress(xyxy[whole], class_id[whole], iou, len(whole))]
    # Uncut ones first, whatever their score: a part must not stand for the whole.
    places = [*whole.tolist(), *order[cut[order]].tolist()]
    boxes, best = xyxy.astype(np.float32, copy=True), score.astype(np.float32, copy=True)
    count = len(places) + 1
    while len(places) < count:  # two that have become one may continue a third
        count = len(places)
        places = _once(places, boxes, best, class_id, cut)
    kept = np.array(places, np.intp)
    kept = kept[np.argsort(-best[kept], kind="stable")]
    return boxes[kept], best[kept], class_id[kept]


def _once(
    places: list[int],
    boxes: NDArray[np.float32],
    best: NDArray[np.float32],
    class_id: NDArray[np.int64],
    cut: NDArray[np.bool_],
) -> list[int]:
    """Return which boxes are left once each cut one went into one before it, if it is of the same thing."""
    kept: list[int] = []
    for i in places:
        other = next((j for j in kept if cut[i] and class_id[j] == class_id[i] and _are_one(boxes, cut, j, i)), None)
        if other is None:
            kept.append(i)
        elif cut[other]:
            boxes[other, :2] = np.minimum(boxes[other, :2], boxes[i, :2])
            boxes[other, 2:] = np.maximum(boxes[other, 2:], boxes[i, 2:])
            best[other] = max(best[other], best[i])
    return kept


def _are_one(boxes: NDArray[np.float32], cut: NDArray[np.bool_], one: int, part: int) -> bool:
    """Return whether a cut box lies mostly in another, or continues another cut one."""
    inner = np.minimum(boxes[one, 2:], boxes[part, 2:]) - np.maximum(boxes[one, :2], boxes[part, :2])
    if (inner <= 0).any():
        return False
    sizes = [boxes[i, 2:] - boxes[i, :2] for i in (one, part)]
    if inner.prod() > 0.5 * sizes[1].prod():
        return True
    # Two parts of one thing share what the tiles share: of one side of both almost all.
    along = inner / np.minimum(*sizes)
    return bool(cut[one] and (along > 0.8).any() and inner.prod() > 0.05 * min(size.prod() for size in sizes))
