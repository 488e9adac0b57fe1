"""Rectangles of a picture, told in its pixels or in shares of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.errors import InputError

_LEAST_PIXELS = 2


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle: left, top, right, bottom, in pixels, or all four of them in 0..1 as shares of width and height.

    Raises:
        ValueError: These are no edges of a rectangle.
    """

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        edges = (self.left, self.top, self.right, self.bottom)
        if not all(map(isfinite, edges)) or self.right <= self.left or self.bottom <= self.top:
            raise ValueError(f"an area is left, top, right, bottom, each pair growing, not {self}")
        if not self.in_shares and min(self.right - self.left, self.bottom - self.top) < _LEAST_PIXELS:
            raise ValueError(
                f"an area is told in pixels, {_LEAST_PIXELS} or more each way, or with all edges in 0..1 as shares of "
                f"the picture, not {self}"
            )

    def __str__(self) -> str:
        return ",".join(f"{edge:g}" for edge in (self.left, self.top, self.right, self.bottom))

    @property
    def in_shares(self) -> bool:
        """Whether the edges are shares: no area of pixels is so small."""
        return min(self.left, self.top) >= 0 and max(self.right, self.bottom) <= 1

    def of(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return left, top, right, bottom in pixels of a picture, every pixel that is touched.

        What lies outside the picture is cut off.

        Raises:
            InputError: Fewer pixels than an area has lie in the picture.
        """
        across, down = (width, height) if self.in_shares else (1, 1)
        left, top = max(0, floor(self.left * across)), max(0, floor(self.top * down))
        right, bottom = min(width, ceil(self.right * across)), min(height, ceil(self.bottom * down))
        if min(right - left, bottom - top) < _LEAST_PIXELS:
            raise InputError(f"the area {self} lies outside the picture, which is {width}×{height}")
        return left, top, right, bottom


def read_areas(areas: Sequence[float] | Sequence[Sequence[float]] | NDArray[Any]) -> tuple[Area, ...]:
    """Return one area, given as four numbers, or several, each given so.

    Raises:
        ValueError: These are no areas.
    """
    try:
        edges = np.atleast_2d(np.asarray(areas, np.float64))
    except (TypeError, ValueError) as problem:
        raise ValueError(f"an area is four numbers: left, top, right, bottom; not {areas!r}") from problem
    if edges.ndim != 2 or edges.shape[1] != 4:
        raise ValueError(f"an area is four numbers: left, top, right, bottom; not {areas!r}")
    return tuple(Area(*four) for four in edges.tolist())
