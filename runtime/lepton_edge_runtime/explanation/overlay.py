"""Heat over a picture, for eyes: one colour map, and what its ends stand for."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.drawing import canvas
from lepton_edge_runtime.images import Image, opencv

_READABLE = 480  # pixels of width that the legend needs
_HIGH = 4 * _READABLE  # that no picture is enlarged beyond: a column of single pixels would fill all memory
_DARK, _WHITE = (24, 24, 24), (245, 245, 245)
_UNSEEN = 0.3  # as dark as the coldest
_LEVELS = np.arange(256, dtype=np.uint8)


def color_levels() -> NDArray[np.uint8]:
    """Return 256 colours from cold to hot, 256 × 3, BGR, in steps that are even to any eye."""
    cv2 = opencv()
    colors: NDArray[np.uint8] = cv2.applyColorMap(_LEVELS[:, np.newaxis], cv2.COLORMAP_INFERNO)[:, 0]
    return colors


def tinted(image: Image, heat: NDArray[np.float32], low: float, high: float) -> Image:
    """Return a picture (BGR, or grey) in grey, under the colours of its heat; where the heat is NaN, grey alone.

    Args:
        image: Height × width × 3, or height × width.
        heat: Height × width.
        low: What has the coldest colour.
        high: What has the hottest one.
    """
    cv2 = opencv()
    gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    unseen = np.isnan(heat)
    share = np.clip((np.nan_to_num(heat, nan=low) - low) / (high - low or 1.0), 0, 1)
    colors = color_levels()[np.rint(share * 255).astype(np.uint8)]
    # The picture is light and shade on the colours, so that both stay what they are.
    shade = (0.35 + 0.65 * gray.astype(np.float32) / 255)[..., np.newaxis]
    mixed = 0.3 * gray.astype(np.float32)[..., np.newaxis] + 0.7 * colors * shade
    mixed[unseen] = _UNSEEN * gray[unseen][..., np.newaxis]
    drawn: Image = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    return drawn


def frame(drawn: Image, box: tuple[float, float, float, float]) -> None:
    """Draw a thin line round the part of a picture (left, top, right, bottom) that a model was shown."""
    left, top, right, bottom = (round(edge) for edge in box)
    opencv().rectangle(drawn, (left, top), (right - 1, bottom - 1), _WHITE, max(1, drawn.shape[1] // 700))


def enlarged_to_read(image: Image) -> tuple[Image, int]:
    """Return a picture at a whole multiple of its size that the legend's words have room on, and the multiple.

    One that is much higher than wide is enlarged less: ``with_legend`` makes room beside it.
    """
    times = min(-(-_READABLE // image.shape[1]), max(1, _HIGH // image.shape[0]))
    if times == 1:
        return canvas(image), 1
    cv2 = opencv()
    size = image.shape[1] * times, image.shape[0] * times
    return canvas(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)), times


def with_legend(drawn: Image, lines: Sequence[str], low: str, high: str) -> Image:
    """Return a picture with a strip beneath it: lines of text, and the colours with what their ends stand for."""
    cv2 = opencv()
    width = max(drawn.shape[1], _READABLE)
    drawn = cv2.copyMakeBorder(drawn, 0, 0, 0, width - drawn.shape[1], cv2.BORDER_CONSTANT, value=_DARK)
    scale = max(0.5, width / 1400)
    thickness, row, edge = max(1, round(1.5 * scale)), round(34 * scale), round(14 * scale)
    font = cv2.FONT_HERSHEY_SIMPLEX

    def write(text: str, x: int, y: int) -> None:
        cv2.putText(strip, text, (x, y), font, 0.8 * scale, _WHITE, thickness, cv2.LINE_AA)

    def width_of(text: str) -> int:
        return int(cv2.getTextSize(text, font, 0.8 * scale, thickness)[0][0])

    strip = np.full((row * (len(lines) + 1) + 2 * edge, width, 3), _DARK, np.uint8)
    for i, line in enumerate(lines):
        write(_cut(line, width - 2 * edge, width_of), edge, edge + row * i + round(0.7 * row))
    top = edge + row * len(lines)
    left, right = 2 * edge + width_of(low), width - 2 * edge - width_of(high)
    bar = color_levels()[np.linspace(0, 255, max(1, right - left)).astype(np.uint8)]
    strip[top + round(0.2 * row) : top + round(0.8 * row), left : left + len(bar)] = bar
    write(low, edge, top + round(0.7 * row))
    write(high, right + edge, top + round(0.7 * row))
    return np.concatenate([drawn, strip])


def _cut(text: str, width: int, width_of: Callable[[str], int]) -> str:
    """Return as much of a text as fits."""
    kept = text
    while len(kept) > 1 and width_of(kept) > width:
        kept = kept[:-1]
    return kept if kept == text else kept[:-3].rstrip() + "..."
