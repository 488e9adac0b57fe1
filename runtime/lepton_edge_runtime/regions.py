"""Models asked about regions of interest: the picture's other parts are not looked at."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from lepton_edge_runtime.areas import read_areas
from lepton_edge_runtime.camera import Camera
from lepton_edge_runtime.choice import Choice
from lepton_edge_runtime.closing import Closing
from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.frame import Frame
from lepton_edge_runtime.images import Image, read_image
from lepton_edge_runtime.model import Gate, Model, answered
from lepton_edge_runtime.results import Detections, Result
from lepton_edge_runtime.results.moving import moved
from lepton_edge_runtime.tiles import Tiled, told_once
from lepton_edge_runtime.yuv import YuvImage, bgr_of

if TYPE_CHECKING:
    from lepton_edge_runtime.chains import Pipeline


class Regions(Closing):
    """A model that is asked about one region of each picture, or a detector about several.

    Answers tell of places in the whole picture. What a detector finds in several regions is told once, as it is
    where ``Tiled`` asks. A region is a view of the frame, not a copy; what of it lies outside the picture is cut off.

    Attributes:
        model: Whom it asks; whoever opened it closes it, and so does ``close``.

    Args:
        model: Takes a picture; where there are several regions, it answers ``Detections``.
        regions: Left, top, right, bottom, in pixels or, with all four in 0..1, as shares of width and height;
            several of them for a detector.
        iou: Boxes of one class that overlap by more than this share, 0 to 1, count as one.

    Raises:
        ValueError: No region, or numbers that make none.

    Example:
        >>> import lepton_edge as le
        >>> with le.open_model("coco.lepton") as model, le.Camera(0) as camera:   # doctest: +SKIP
        ...     for result in le.Regions(model, (0.5, 0, 1, 1)).stream(camera):   # the right half
        ...         print(result)
    """

    def __init__(
        self,
        model: "Model | Tiled | Pipeline",
        regions: Sequence[float] | Sequence[Sequence[float]] | NDArray[Any],
        *,
        iou: float = 0.45,
    ) -> None:
        if not len(regions) or not 0 <= iou <= 1:
            raise ValueError(f"there is one region or more, and iou lies in 0..1, not {len(regions)} and {iou}")
        self.model = model
        self._regions = read_areas(regions)
        self._iou = iou

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes; empty where the card has none."""
        return self.model.labels

    @property
    def choice(self) -> Choice:
        """Which engine runs the model, and why."""
        return self.model.choice

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What neither the model's file nor the caller says, one sentence each."""
        return self.model.assumptions

    def __call__(self, sample: Image | YuvImage | str | Path) -> Result:
        """Return the answer to the regions of a picture.

        Args:
            sample: Height × width × 3, BGR, or height × width, grey; ``uint8``; a camera's (``YuvImage``), converted
                first; or the path of a picture.

        Raises:
            InputError: It is no picture, a region lies outside of it, or there are several and the model finds no
                boxes.
        """
        return self._answer(read_image(sample) if isinstance(sample, str | Path) else bgr_of(sample), None)

    def answer(self, frame: Frame) -> Result:
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

    def _answer(self, image: Image, frame: Frame | None) -> Result:
        height, width = image.shape[:2]
        parts = [region.of(width, height) for region in self._regions]
        found = [
            moved(self.model(image[top:bottom, left:right]), (left, top), (width, height))
            for left, top, right, bottom in parts
        ]
        if len(found) == 1:
            said: Any = found[0]
            return replace(said, origin=replace(said.origin, frame=frame))  # type: ignore[no-any-return]  # a result
        boxes = [one for one in found if isinstance(one, Detections)]
        if len(boxes) < len(found):
            raise InputError(
                f"several regions are for detectors, and this model answers {type(found[0]).__name__}: ask about each "
                "region by itself"
            )
        return told_once(boxes, parts, (width, height), iou=self._iou, labels=self.labels, frame=frame)
