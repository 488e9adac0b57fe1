"""Heat: how much the score rises where a place is shown, over many questions with other parts hidden."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.explanation.masks import Mask
from lepton_edge_runtime.images import opencv
from lepton_edge_runtime.plan import Plan
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.tensors import TensorSpec

Pixels = NDArray[np.uint8]
"""Height × width × channels, at a model's size and in its colours."""

Region = tuple[slice, slice]
"""Rows and columns of an input in which the picture lies; beside it are the bars of a letterbox."""


_NEVER = 1e-6  # so few times


class Hider:
    """A picture, parts of which can be hidden.

    What is hidden becomes the picture's mean colour: no edge, no texture, and no darker or lighter than the rest.
    Bars of a letterbox stay as they are.

    Attributes:
        shape: Height and width of what masks are laid over.
    """

    def __init__(self, pixels: Pixels, region: Region) -> None:
        self._shown = pixels.copy()
        self._inner = self._shown[region]
        inside = pixels[region].astype(np.float32)
        self._mean = inside.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
        self._difference = inside - self._mean
        self._mixed = np.empty_like(self._difference)
        self.shape: tuple[int, int] = inside.shape[:2]

    def __call__(self, mask: Mask) -> Pixels:
        """Return the picture as a mask shows it; the next call reuses the array."""
        np.multiply(self._difference, mask[..., np.newaxis], out=self._mixed)
        self._mixed += self._mean
        np.rint(self._mixed, out=self._mixed)
        self._inner[...] = self._mixed
        return self._shown


class Writer:
    """Writes pixels that are at a model's size and in its colours as the input tensor stores them.

    Args:
        preprocess: Of the input, completed.
        spec: The tensor.
    """

    def __init__(self, preprocess: Preprocess, spec: TensorSpec) -> None:
        # Size and colours are as they should be: what is left to do is the table, and the order of the axes.
        color = "gray" if preprocess.color == "gray" else "bgr"
        self._plan = Plan(msgspec.structs.replace(preprocess, color=color, resize="stretch"), spec)
        self._tensor = np.empty(spec.shape, spec.dtype)

    def __call__(self, pixels: Pixels) -> NDArray[Any]:
        """Return the tensor; the next call reuses it."""
        self._plan(pixels, self._tensor)
        return self._tensor


def measure(
    hider: Hider,
    masks: Iterable[Mask],
    score: Callable[[Pixels], float],
    *,
    whole: float | None = None,
) -> NDArray[np.float32]:
    """Return, for each place, the mean score where it was shown less the mean score where it was hidden.

    Args:
        hider: The picture.
        masks: What is shown of it, question by question.
        score: Of a picture.
        whole: The score of the whole picture, to take instead of the mean where a place was shown: for masks that
            hide one patch, where almost all of the picture is shown in each.
    """
    shown = times_shown = np.zeros(hider.shape)
    total, count = 0.0, 0
    for mask in masks:
        found = score(hider(mask))
        shown, times_shown = shown + np.float32(found) * mask, times_shown + mask
        total, count = total + float(np.float32(found)), count + 1
    hidden, times_hidden = total - shown, count - times_shown
    with_it = whole if whole is not None else shown / np.maximum(times_shown, _NEVER)
    heat = with_it - hidden / np.maximum(times_hidden, _NEVER)
    # Of a place that was never hidden, or never shown, nothing is known.
    unknown = (times_hidden <= _NEVER) | (whole is None and times_shown <= _NEVER)
    return np.asarray(np.where(unknown, 0, heat), np.float32)


def smoothed(heat: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Return a map of squares of a side of ``step`` as one that changes evenly from the middle of each to the next."""
    smooth: NDArray[np.float32] = opencv().blur(heat, (step, step), borderType=opencv().BORDER_REPLICATE)
    return smooth


def enlarged(heat: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Return a map at another size."""
    cv2 = opencv()
    smaller = width * height < heat.size
    resized: NDArray[np.float32] = cv2.resize(
        heat, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    )
    return resized
