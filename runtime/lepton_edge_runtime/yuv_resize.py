"""Pictures of luma and chroma made small, and only then pictures of colours."""

from math import prod

import numpy as np

from lepton_edge_runtime.images import Image, opencv
from lepton_edge_runtime.scratch import scratch
from lepton_edge_runtime.yuv import PACKED, Plane, YuvImage, converted

# BT.601, luma 16..235, chroma 16..240: shares of red and blue in luma, and what one step of luma and chroma is.
_RED, _BLUE = 0.299, 0.114
_LUMA, _CHROMA = 255 / 219, 255 / 112
_GREEN = 1 - _RED - _BLUE
_BLUE_OF_U, _RED_OF_V = _CHROMA * (1 - _BLUE), _CHROMA * (1 - _RED)
_TO_BGR = np.array(
    [
        [_LUMA, _BLUE_OF_U, 0],
        [_LUMA, -_BLUE_OF_U * _BLUE / _GREEN, -_RED_OF_V * _RED / _GREEN],
        [_LUMA, 0, _RED_OF_V],
    ]
)
_TO_BGR = np.column_stack([_TO_BGR, _TO_BGR @ (-16.0, -128.0, -128.0)])
_TO_GRAY = np.clip(np.rint((np.arange(256) - 16.0) * _LUMA), 0, 255).astype(np.uint8)


class YuvResize:
    """Makes BGR or grey pictures of a camera's at another size. Its buffers are reused: it serves one thread at a time.

    Args:
        interpolation: OpenCV's code.
        gray: Whether to make grey pictures, from luma alone.
    """

    def __init__(self, interpolation: int, *, gray: bool) -> None:
        self._cv2 = opencv()
        self._interpolation = interpolation
        self._gray = gray
        self._bgr, self._pairs = (np.empty((0, 0, channels), np.uint8) for channels in (3, 2))
        self._planes: list[Plane] = []
        self._pair, self._quad, self._mixed = scratch((0, 0, 2), (0, 0, 4), (0, 0, 3))

    def prefers_bgr(self, image: YuvImage, size: tuple[int, int]) -> bool:
        """Return whether converting the whole picture first, which is exact, is as fast: no other is much smaller."""
        return not self._gray and 2 * prod(size) >= image.width * image.height

    def to_bgr(self, image: YuvImage) -> Image:
        """Return the whole picture, height × width × 3, BGR; the next call reuses it."""
        height, width = image.height, image.width
        if self._bgr.shape[:2] != (height, width):
            self._bgr = np.empty((height, width, 3), np.uint8)
            self._pairs = np.empty((height // 2, width // 2, 2), np.uint8)
        return converted(image, self._bgr, self._pairs)

    def __call__(self, image: YuvImage, box: tuple[int, int, int, int], out: Image) -> None:
        """Write a part of a picture into ``out``, resized: height × width × 3, BGR, or height × width where grey.

        Luma is resized as colours would be. Chroma is cut at whole steps of its own, so that it may lie beside luma
        by one pixel of the picture at most.

        Args:
            image: The picture.
            box: Left, top, right, bottom of the part, in pixels.
            out: Of the size wanted.
        """
        self._allocate(*out.shape[:2])
        luma = self._luma(image, box)
        if self._gray:
            self._cv2.LUT(luma, _TO_GRAY, dst=out)
            return
        self._cv2.merge([luma, *self._chroma(image, box)], dst=self._mixed)
        self._cv2.transform(self._mixed, _TO_BGR, dst=out)

    def _allocate(self, height: int, width: int) -> None:
        if self._mixed.shape[:2] != (height, width):
            self._planes = scratch(*6 * [(height, width)])
            self._pair, self._quad, self._mixed = scratch(*((height, width, channels) for channels in (2, 4, 3)))

    def _luma(self, image: YuvImage, box: tuple[int, int, int, int]) -> Plane:
        left, top, right, bottom = box
        part = image.planes[0][top:bottom, left:right]
        if image.layout not in PACKED:
            return self._resize(part, self._planes[0])
        # With whatever chroma lies beside it: resizing two channels costs less than taking one out of the whole.
        self._cv2.split(self._resize(part, self._pair), self._planes[:2])
        return self._planes[PACKED.index(image.layout)]

    def _chroma(self, image: YuvImage, box: tuple[int, int, int, int]) -> tuple[Plane, Plane]:
        left, top, right, bottom = box
        columns = slice(left // 2, (right + 1) // 2)
        u, v, *others = self._planes[2:]
        if image.layout in PACKED:
            fours = image.planes[0].reshape(image.height, image.width // 2, 4)[top:bottom, columns]
            order = [others[0], u, others[1], v] if image.layout == "yuyv" else [u, others[0], v, others[1]]
            self._cv2.split(self._resize(fours, self._quad), order)
            return u, v
        rows = slice(top // 2, (bottom + 1) // 2)
        if image.layout == "i420":
            self._resize(image.planes[1][rows, columns], u)
            self._resize(image.planes[2][rows, columns], v)
        else:
            pair = self._resize(image.planes[1][rows, columns], self._pair)
            self._cv2.split(pair, [u, v] if image.layout == "nv12" else [v, u])
        return u, v

    def _resize(self, part: Plane, out: Plane) -> Plane:
        height, width = out.shape[:2]
        self._cv2.resize(part, (width, height), dst=out, interpolation=self._interpolation)
        return out
