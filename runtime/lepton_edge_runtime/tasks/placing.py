"""Places in the model's input, put back into the picture."""

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.plan import Placement


def boxes_in_picture(xyxy: NDArray[np.float32], placement: Placement | None) -> NDArray[np.float32]:
    """Return boxes of the input, n × 4, in pixels of the picture, cut at its edges; unchanged where there is none."""
    if placement is None:
        return xyxy
    offset = np.array([placement.offset_x, placement.offset_y] * 2)
    scale = np.array([placement.scale_x, placement.scale_y] * 2)
    edges = [placement.width, placement.height] * 2
    return np.asarray(np.clip((xyxy - offset) / scale, 0, edges), np.float32)


def points_in_picture(points: NDArray[np.float32], placement: Placement | None) -> NDArray[np.float32]:
    """Return points of the input, … × 2, in pixels of the picture, outside of it too; unchanged where there is none."""
    if placement is None:
        return points
    offset = np.array([placement.offset_x, placement.offset_y])
    scale = np.array([placement.scale_x, placement.scale_y])
    return np.asarray((points - offset) / scale, np.float32)
