"""Pictures at the model's size, written as a tensor stores them: the model's colours, then one table look-up."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.images import Image, opencv
from lepton_edge_runtime.preprocess import Color, Preprocess
from lepton_edge_runtime.scratch import scratch
from lepton_edge_runtime.tensors import TensorSpec, quantize

Level = Callable[[NDArray[np.uint8], NDArray[Any]], None]
"""Writes what bytes become in the tensor; both arrays may be one where that is bytes too."""

# Looking up moves bits, whatever they stand for: OpenCV has tables of these, and none of float16.
_CARRIERS = {1: np.uint8, 2: np.int16, 4: np.int32, 8: np.float64}


class Fill:
    """The cheapest exact way from bytes at the model's size to the tensor.

    Integer tensors are exactly rounded: each byte's real number is quantized once, in float64, half to even, into a
    table of 256 entries. Buffers are reused: a fill serves one thread at a time.

    Args:
        preprocess: Completed for ``spec``.
        spec: The tensor to fill.
    """

    def __init__(self, preprocess: Preprocess, spec: TensorSpec) -> None:
        self._cv2 = opencv()
        assert preprocess.size is not None  # noqa: S101 - completed
        width, height = preprocess.size
        self._channels = preprocess.channels
        self._swapped = preprocess.color == "rgb"
        self._to_color = _color_codes(preprocess.color)
        self._planar = preprocess.layout == "nchw"
        table = quantize(preprocess.levels(), spec)
        self._carrier = table.dtype if table.dtype == np.float32 else np.dtype(_CARRIERS[table.dtype.itemsize])
        table = table.view(self._carrier)
        # Bytes that stay bytes need no buffer: they are put in order in the tensor itself.
        self._in_place = table.dtype == np.uint8 and (_stays(table) or _flips(table))
        by_planes = self._planar or self._channels == 1
        # OpenCV looks up in one table faster than in one a channel; of floats, putting channels together costs more.
        merged = table.dtype == np.uint8 and not self._in_place and not _agree(table)
        self._colored, *self._planes = scratch((height, width, self._channels), *self._channels * [(height, width)])
        self._levels = [_level(table[:, [c]], (height, width)) for c in range(self._channels)]
        self._level = _level(table, self._colored.shape)
        self._write = self._by_planes if by_planes else self._merged if merged else self._interleaved

    def __call__(self, image: Image, out: NDArray[Any]) -> None:
        """Write a picture into ``out``, the tensor.

        Args:
            image: At the model's size: height × width × 3, BGR, or height × width, grey.
            out: Of the shape and type this was made for.
        """
        self._write(image, out[0].view(self._carrier))

    def _interleaved(self, image: Image, out: NDArray[Any]) -> None:
        source = out if self._in_place else self._colored
        code = self._to_color[image.ndim]
        if code is None:
            source[...] = image
        else:
            self._cv2.cvtColor(image, code, dst=source)
        self._level(source, out)

    def _by_planes(self, image: Image, out: NDArray[Any]) -> None:
        planes = [out[c] if self._planar else out[..., c] for c in range(self._channels)]
        sources = self._separated(image, planes if self._in_place and self._channels == 1 else self._planes)
        for source, level, plane in zip(sources, self._levels, planes, strict=True):
            level(source, plane)

    def _merged(self, image: Image, out: NDArray[Any]) -> None:
        sources = self._separated(image, self._planes)
        for source, level, plane in zip(sources, self._levels, self._planes, strict=True):
            level(source, plane)
        self._cv2.merge(self._planes, dst=self._colored)
        np.copyto(out, self._colored)

    def _separated(self, image: Image, into: list[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        """Return a picture's planes in the model's order: in ``into``, or the picture itself where it is grey."""
        if image.ndim == 2:
            return [image] * self._channels
        if self._channels == 1:
            self._cv2.cvtColor(image, self._to_color[3], dst=into[0])
        else:
            self._cv2.split(image, into[::-1] if self._swapped else into)
        return into


def _level(table: NDArray[Any], shape: tuple[int, ...]) -> Level:
    """Return what writes the entries of a table, 256 × channels, for arrays of this shape."""
    if _stays(table):
        return _copy
    if table.dtype == np.uint8 and _flips(table):
        # An array is faster than a scalar here, measured on x86.
        return partial(_flip, mask=np.full(shape, 0x80, np.uint8))
    # As cv2.LUT takes it: one column where the channels agree, else one each.
    lut = table[:, 0] if _agree(table) else table[:, np.newaxis, :]
    return partial(_look_up, table=np.ascontiguousarray(lut))


def _copy(source: NDArray[np.uint8], out: NDArray[Any]) -> None:
    if source is not out:
        np.copyto(out, source)


def _flip(source: NDArray[np.uint8], out: NDArray[Any], *, mask: NDArray[np.uint8]) -> None:
    opencv().bitwise_xor(source, mask, dst=out)


def _look_up(source: NDArray[np.uint8], out: NDArray[Any], *, table: NDArray[Any]) -> None:
    opencv().LUT(source, table, dst=out)


def _stays(table: NDArray[Any]) -> bool:
    """Return whether each byte becomes its own number."""
    return bool((table == np.arange(256)[:, np.newaxis]).all())


def _flips(table: NDArray[np.uint8]) -> bool:
    """Return whether each byte becomes the ``int8`` that is 128 less."""
    return bool((table == np.arange(256)[:, np.newaxis] ^ 0x80).all())


def _agree(table: NDArray[Any]) -> bool:
    """Return whether all channels have the same entries, to the bit."""
    return bool((table == table[:, :1]).all())


def _color_codes(color: Color | None) -> dict[int, int | None]:
    """Return the conversion for a grey (2 axes) and a BGR (3 axes) picture; None for a copy."""
    cv2 = opencv()
    if color == "gray":
        return {2: None, 3: cv2.COLOR_BGR2GRAY}
    return {2: cv2.COLOR_GRAY2BGR, 3: cv2.COLOR_BGR2RGB if color == "rgb" else None}
