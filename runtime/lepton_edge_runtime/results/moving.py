"""Results about a part of a picture, told of the whole picture."""

from dataclasses import replace
from typing import TypeVar

import numpy as np

from lepton_edge_runtime.results import Chained, Detections, Instances, Mask, Poses, Result

R = TypeVar("R", bound=Result)


def moved(result: R, corner: tuple[int, int], size: tuple[int, int]) -> R:
    """Return a result about a part of a picture with its places in the whole of it.

    Args:
        result: Of the part.
        corner: Column and row, in the picture, of the part's upper left pixel.
        size: Width and height of the picture in pixels.
    """
    shift = np.array(corner, np.float32)
    if isinstance(result, Detections):
        return replace(result, xyxy=result.xyxy + np.tile(shift, 2))
    if isinstance(result, Poses):
        return replace(result, xyxy=result.xyxy + np.tile(shift, 2), points=result.points + shift)
    if isinstance(result, Instances):
        return replace(
            result,
            detections=moved(result.detections, corner, size),
            corners=result.corners + np.array(corner),
        )
    if isinstance(result, Chained):
        then = tuple(None if one is None else moved(one, corner, size) for one in result.then)
        return replace(result, found=moved(result.found, corner, size), then=then)
    if isinstance(result, Mask):
        left, top, right, bottom = result.box
        x, y = corner
        return replace(result, box=(left + x, top + y, right + x, bottom + y), size=size)
    return result  # classes, embeddings and tensors have no place
