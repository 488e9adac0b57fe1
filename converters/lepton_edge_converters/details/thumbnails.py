"""Judged samples as small pictures, as the model sees them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.samples import StoredSamples
from lepton_edge_runtime.images import Image, opencv
from lepton_edge_runtime.preprocess import Preprocess

SIDE_MAX = 176
_AXES = 3  # of a picture
_SMALL_SIDE = 96  # up to here every pixel counts, and PNG is small enough
_JPEG_QUALITY = 85


def thumbnail(samples: StoredSamples, preprocess: tuple[Preprocess | None, ...], sample: int) -> bytes:
    """Return a sample's first picture, at most 176 pixels wide and high, as PNG or JPEG; empty if it has none."""
    for i, one in enumerate(preprocess):
        if one is not None:
            stored = np.asarray(samples.array(i)[sample])
            middle = stored[len(stored) // 2] if stored.ndim > _AXES else stored  # of a clip
            return encoded(in_bgr(_pixels(middle, one), one))
    return b""


def _pixels(stored: NDArray[Any], preprocess: Preprocess) -> NDArray[np.uint8]:
    """Return bytes, height × width × channels, of a picture or of the numbers that were made of one."""
    if stored.dtype == np.uint8:
        return stored
    if preprocess.layout == "nchw":
        stored = np.moveaxis(stored, 0, -1)
    levels = preprocess.levels()
    bytes_again = (stored - levels[0]) * (255 / (levels[255] - levels[0]))
    return np.asarray(np.clip(np.rint(np.nan_to_num(bytes_again)), 0, 255), np.uint8)


def in_bgr(pixels: NDArray[np.uint8], preprocess: Preprocess) -> Image:
    """Return pixels in a model's colours as a picture: BGR, or height × width of grey."""
    if pixels.shape[-1] == 1:
        return pixels[..., 0]
    return np.ascontiguousarray(pixels[..., ::-1] if preprocess.color == "rgb" else pixels)


def encoded(image: Image) -> bytes:
    """Return a picture (BGR, or grey), at most 176 pixels wide and high, as PNG or JPEG."""
    cv2 = opencv()
    height, width = image.shape[:2]
    if max(height, width) > SIDE_MAX:
        share = SIDE_MAX / max(height, width)
        size = max(1, round(width * share)), max(1, round(height * share))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    small = max(height, width) <= _SMALL_SIDE
    kind, options = (".png", []) if small else (".jpg", [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    written: NDArray[np.uint8] = cv2.imencode(kind, image, options)[1]
    return written.tobytes()
