"""Models asked about regions of interest: the picture's other parts are not looked at."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from lepton_edge_runtime.areas import read_areas
from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.frame import Frame
from lepton_edge_runtime.images import Image
from lepton_edge_runtime.model import Model
from lepton_edge_runtime.results import Detections, Result
from lepton_edge_runtime.results.moving import moved
from lepton_edge_runtime.tiles import PictureParts, Tiled, told_once

if TYPE_CHECKING:
    from lepton_edge_runtime.chains import Pipeline


class Regions(PictureParts[Result]):
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

    model: "Model | Tiled | Pipeline"

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
