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


def cells_of_picture(
    placement: Placement, size: tuple[int, int], grid: tuple[int, int] | None = None
) -> tuple[tuple[slice, slice], tuple[float, float, float, float]]:
    """Return which rows and columns of a grid over the input show the picture, and the part of it that they cover.

    Args:
        placement: Of the picture.
        size: Width and height of the input in pixels.
        grid: Rows and columns of the grid; by default each pixel is a cell.

    Returns:
        Rows and columns, and left, top, right, bottom in pixels of the picture.
    """
    rows, columns = grid or (size[1], size[0])
    spans, edges = [], []
    for cells, pixels, scale, offset, length in (
        (columns, size[0], placement.scale_x, placement.offset_x, placement.width),
        (rows, size[1], placement.scale_y, placement.offset_y, placement.height),
    ):
        first = round(max(offset, 0) * cells / pixels)
        last = max(first + 1, round(min(offset + scale * length, pixels) * cells / pixels))
        spans.append(slice(first, last))
        edges.append([float(np.clip((cell * pixels / cells - offset) / scale, 0, length)) for cell in (first, last)])
    (left, right), (top, bottom) = edges
    return (spans[1], spans[0]), (left, top, right, bottom)
