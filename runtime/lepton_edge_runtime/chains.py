"""One model after the other: what the first finds is cut out, and the second is asked about it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.camera import Camera
from lepton_edge_runtime.choice import Choice
from lepton_edge_runtime.closing import Closing
from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.frame import Frame
from lepton_edge_runtime.images import Image, read_image
from lepton_edge_runtime.model import Gate, Model, answered
from lepton_edge_runtime.regions import Regions
from lepton_edge_runtime.results import Chained, Detections, Instances, Poses, Result
from lepton_edge_runtime.results.moving import moved
from lepton_edge_runtime.tiles import Tiled
from lepton_edge_runtime.yuv import YuvImage, bgr_of


def chain(
    first: "Model | Tiled | Regions | Pipeline",
    *others: "Model | Tiled | Regions | Pipeline",
    on: str | Sequence[str] = (),
    margin: float = 0.0,
    least_pixels: int = 8,
    most: int | None = None,
) -> "Pipeline":
    """Return a pipeline: what each model finds is cut out of the picture, and the next is asked about it.

    Args:
        first: Finds boxes: a detector, an instance segmenter, or a pose net with boxes.
        others: Asked about each thing found by the one before: a classifier, an embedder, a pose net, a detector
            of parts, any model that takes a picture.
        on: Names of the classes that the second is asked about; all if not given.
        margin: Share of the box's width and height that is added on each side.
        least_pixels: The next is not asked about boxes with a shorter side.
        most: The next is asked about so many at most, the surest; about all if not given.

    Raises:
        InputError: There is nothing to chain, or ``on`` names a class that the first model does not know.
        ValueError: A margin or a number below 0.

    Example:
        >>> import lepton_edge as le
        >>> with le.open_model("coco.lepton") as persons, le.open_model("age.lepton") as age:   # doctest: +SKIP
        ...     print(le.chain(persons, age, on="person")("street.jpg"))
        person 0.912 [211 35 340 398] → adult 0.871  child 0.112
    """
    if not others:
        raise InputError("a chain has two models or more")
    *before, last = others
    then: Model | Tiled | Regions | Pipeline = last
    # From the end: what follows the second model is asked about all that it finds.
    for model in reversed(before):
        then = Pipeline(model, then, margin=margin, least_pixels=least_pixels, most=most)
    names = (on,) if isinstance(on, str) else tuple(on)
    return Pipeline(first, then, on=names, margin=margin, least_pixels=least_pixels, most=most)


class Pipeline(Closing):
    """Two models: the second is asked about what the first finds. Made by ``chain``.

    Attributes:
        first, then: The models, which whoever opened them closes; ``close`` closes them too.
    """

    def __init__(
        self,
        first: "Model | Tiled | Regions | Pipeline",
        then: "Model | Tiled | Regions | Pipeline",
        *,
        on: Sequence[str] = (),
        margin: float = 0.0,
        least_pixels: int = 8,
        most: int | None = None,
    ) -> None:
        if margin < 0 or least_pixels < 0 or (most is not None and most < 1):
            given = f"{margin}, {least_pixels} and {most}"
            raise ValueError(f"margin and least_pixels are 0 or more, and most is 1 or more, not {given}")
        known = first.labels
        unknown = [name for name in on if known and name not in known]
        if unknown:
            raise InputError(f"the first model knows no class {unknown[0]!r}; it knows: {', '.join(known[:20])}")
        self.first = first
        self.then = then
        self._on = frozenset(on)
        self._margin = margin
        self._least = max(1, least_pixels)
        self._most = most

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes of what is found first."""
        return self.first.labels

    @property
    def choice(self) -> Choice:
        """Which engine runs the first model, and why."""
        return self.first.choice

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What neither the models' files nor the caller says, one sentence each."""
        return tuple(dict.fromkeys((*self.first.assumptions, *self.then.assumptions)))

    def __call__(self, sample: Image | YuvImage | str | Path) -> Chained:
        """Return what was found in a picture, and what is said of each.

        Args:
            sample: Height × width × 3, BGR, or height × width, grey; ``uint8``; a camera's (``YuvImage``), converted
                where something is found; or the path of a picture.

        Raises:
            InputError: It is no picture, or the first model finds no boxes.
        """
        image = read_image(sample) if isinstance(sample, str | Path) else sample
        return self._chained(self.first(image), image)

    def answer(self, frame: Frame) -> Chained:
        """Return the answer to one frame of a camera; ``result.origin.frame`` is the frame."""
        return self._chained(self.first.answer(frame), frame.image)

    def stream(self, camera: Camera, *, gate: Gate | None = None) -> Iterator[Result]:
        """Yield the answer to each frame of ``camera``; ``result.origin.frame`` is the frame.

        Args:
            camera: Where frames come from.
            gate: Asked about each frame whether it is to be answered, such as a ``MotionGate``.
        """
        return answered(camera, self.answer, gate)

    def close(self) -> None:
        """Free the engines of both models."""
        self.first.close()
        self.then.close()

    def _chained(self, result: Result, image: Image | YuvImage) -> Chained:
        if isinstance(result, Chained):
            raise InputError("a chain begins with a model, and what follows it may be a chain")
        if not isinstance(result, Detections | Poses | Instances):
            raise InputError(f"the first model of a chain finds boxes, and this one answers {type(result).__name__}")
        boxes = result.detections if isinstance(result, Instances) else result
        labels = boxes.labels if isinstance(boxes, Detections) else ()
        asked = [i for i in range(len(boxes)) if not self._on or (labels and labels[i] in self._on)]
        chosen = set(asked[: self._most])
        picture = bgr_of(image) if chosen else np.empty((0, 0, 3), np.uint8)
        then = tuple(
            self._about(picture, box, result.origin.frame) if i in chosen else None for i, box in enumerate(boxes.xyxy)
        )
        return Chained(result, then, result.origin)

    def _about(self, image: Image, box: NDArray[np.float32], frame: Frame | None) -> Result | None:
        """Return what the second model says of a box of the picture, ``None`` where it is too small."""
        height, width = image.shape[:2]
        left, top, right, bottom = box.tolist()
        if min(right - left, bottom - top) < self._least:
            return None
        wider, higher = self._margin * (right - left), self._margin * (bottom - top)
        x, y = max(0, int(left - wider)), max(0, int(top - higher))
        part = image[y : min(height, ceil(bottom + higher)), x : min(width, ceil(right + wider))]
        if 0 in part.shape:
            return None
        said: Any = moved(self.then(part), (x, y), (width, height))
        return replace(said, origin=replace(said.origin, frame=frame))  # type: ignore[no-any-return]  # a result
