"""What was found in one picture, and which of its pixels it covers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.drawing import canvas, draw_boxes, tint
from lepton_edge_runtime.images import Image
from lepton_edge_runtime.results.detections import Detection, Detections, detection_dict
from lepton_edge_runtime.results.origin import Origin


@dataclass(frozen=True, slots=True)
class Instance:
    """One thing found, and its pixels.

    Attributes:
        detection: Where, what and how surely.
        corner: Column and row, in the picture, of the mask's upper left pixel.
        mask: ``bool``, height × width: pixels of the box that the thing covers.
    """

    detection: Detection
    corner: tuple[int, int]
    mask: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Instances:
    """What was found in one picture, the surest first, with a mask each.

    Attributes:
        detections: Boxes, scores and classes.
        corners: ``int64``, n × 2: column and row, in the picture, of each mask's upper left pixel.
        masks: n arrays of ``bool``, height × width in pixels of the picture, each cut to its box.
        origin: Engine, timing and frame.
    """

    detections: Detections
    corners: NDArray[np.int64]
    masks: tuple[NDArray[np.bool_], ...]
    origin: Origin

    def __len__(self) -> int:
        return len(self.masks)

    def __iter__(self) -> Iterator[Instance]:
        for detection, (column, row), mask in zip(self.detections, self.corners.tolist(), self.masks, strict=True):
            yield Instance(detection, (column, row), mask)

    def __str__(self) -> str:
        return str(self.detections)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints; of masks, how many pixels each has."""
        return {"instances": [{**detection_dict(one.detection), "pixels": int(one.mask.sum())} for one in self]}

    def draw(self, image: Image) -> Image:
        """Return a copy of ``image`` (BGR) with each thing tinted and in a named box."""
        drawn = canvas(image)
        for place, one in enumerate(self):
            tint(drawn, one.corner, one.mask, place)
        draw_boxes(drawn, self.detections.xyxy, self.detections.texts(), np.arange(len(self)))
        return drawn
