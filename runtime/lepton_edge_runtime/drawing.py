"""Boxes, points, tints and words on pictures, for eyes and for videos."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.images import Image, opencv

# BGR, told apart also by those who see few colours; taken in turn.
_COLORS = ((180, 119, 31), (14, 127, 255), (44, 160, 44), (40, 39, 214), (189, 103, 148), (207, 190, 23))
_WHITE, _DARK = (255, 255, 255), (32, 32, 32)


def canvas(image: Image) -> Image:
    """Return a copy of ``image`` (height × width × 3, BGR, or grey) to draw on: BGR."""
    return image.copy() if image.ndim == 3 else opencv().cvtColor(image, opencv().COLOR_GRAY2BGR)


def draw_lines(image: Image, lines: Sequence[str]) -> Image:
    """Return a copy of ``image`` with lines of text in its upper left corner."""
    cv2, drawn = opencv(), canvas(image)
    scale = _scale(drawn)
    line_height = round(32 * scale)
    thickness = max(1, round(2 * scale))
    for row, line in enumerate(lines):
        (width, _), _ = cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, 0.8 * scale, thickness)
        top = row * line_height
        cv2.rectangle(drawn, (0, top), (width + line_height // 2, top + line_height), _DARK, cv2.FILLED)
        origin = (line_height // 4, top + round(0.75 * line_height))
        cv2.putText(drawn, line, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.8 * scale, _WHITE, thickness, cv2.LINE_AA)
    return drawn


def draw_boxes(drawn: Image, xyxy: NDArray[Any], texts: Sequence[str], colors: NDArray[Any]) -> None:
    """Draw boxes, n × 4 (left, top, right, bottom in pixels), each with its text and in one of a few colours."""
    cv2 = opencv()
    scale = _scale(drawn)
    thickness = max(1, round(2 * scale))
    for box, text, number in zip(xyxy.tolist(), texts, colors.tolist(), strict=True):
        color = _COLORS[number % len(_COLORS)]
        left, top, right, bottom = (round(edge) for edge in box)
        cv2.rectangle(drawn, (left, top), (right, bottom), color, thickness)
        (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.6 * scale, thickness)
        left = max(0, min(left, drawn.shape[1] - width))  # no name beside the picture
        foot = max(top, height + 2 * thickness)  # nor one above it
        cv2.rectangle(drawn, (left, foot - height - 2 * thickness), (left + width, foot), color, cv2.FILLED)
        origin = (left, foot - thickness)
        cv2.putText(drawn, text, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.6 * scale, _WHITE, thickness, cv2.LINE_AA)


def draw_points(drawn: Image, points: NDArray[Any], seen: NDArray[np.bool_], bones: Iterable[tuple[int, int]]) -> None:
    """Draw key points, k × 2 (x, y in pixels), those that are seen, and lines between pairs of them."""
    cv2 = opencv()
    radius = max(2, round(4 * _scale(drawn)))
    at = [tuple(round(number) for number in point) for point in points.tolist()]
    for number, (one, other) in enumerate(bones):
        if seen[one] and seen[other]:
            cv2.line(drawn, at[one], at[other], _COLORS[number % len(_COLORS)], max(1, radius // 2), cv2.LINE_AA)
    for place in np.flatnonzero(seen).tolist():
        cv2.circle(drawn, at[place], radius, _WHITE, cv2.FILLED, cv2.LINE_AA)
        cv2.circle(drawn, at[place], radius, _COLORS[place % len(_COLORS)], max(1, radius // 2), cv2.LINE_AA)


def tint(drawn: Image, corner: tuple[int, int], mask: NDArray[np.bool_], number: int) -> None:
    """Tint the pixels of ``mask`` (height × width), whose upper left one is ``corner`` (column, row), by half."""
    column, row = corner
    part = drawn[row : row + mask.shape[0], column : column + mask.shape[1]]
    color = np.array(_COLORS[number % len(_COLORS)], np.uint16)
    part[mask] = ((part[mask].astype(np.uint16) + color) // 2).astype(np.uint8)


def _scale(drawn: Image) -> float:
    """Return how large text is: by the picture, so that it can be read on a thumbnail and on a 4k frame."""
    height: int = drawn.shape[0]
    return max(0.3, height / 720)
