"""A ``Preprocess`` compiled for one tensor: resize, colour, one table look-up.

The last step writes straight into the engine's memory, and no frame is copied on the way.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.errors import InputError, PreprocessError
from lepton_edge_runtime.fills import Fill
from lepton_edge_runtime.images import Image, opencv
from lepton_edge_runtime.preprocess import Interpolation, Preprocess
from lepton_edge_runtime.tensors import TensorSpec
from lepton_edge_runtime.yuv import YuvImage
from lepton_edge_runtime.yuv_resize import YuvResize


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture lies in the input: ``input = scale * picture + offset``, in pixels.

    Attributes:
        width, height: Of the picture.
    """

    scale_x: float
    scale_y: float
    offset_x: float
    offset_y: float
    width: int
    height: int


class Plan:
    """A ``Preprocess`` compiled for one input tensor.

    Integer tensors are exactly rounded, from a table of 256 entries. Buffers are reused: a plan serves one thread
    at a time.

    Args:
        preprocess: What to do; what is ``None`` is taken from ``spec``.
        spec: The tensor to fill.
    """

    def __init__(self, preprocess: Preprocess, spec: TensorSpec) -> None:
        self._cv2 = opencv()
        self.preprocess = preprocess.completed(spec)
        full = self.preprocess
        # completed() filled them in.
        assert full.size and full.crop_fraction and full.interpolation and full.pad is not None  # noqa: S101, PT018
        self._width, self._height = full.size
        self._crop_fraction = full.crop_fraction
        self._pad = full.pad
        self._interpolation = _interpolation(full.interpolation)
        self._yuv = YuvResize(self._interpolation, gray=full.color == "gray")
        self._fit = self._fitted(self._width, self._height)
        self._canvas: Image = np.empty((0, 0), np.uint8)
        self._drawn = (0, 0, 0, 0)
        self._fill = Fill(full, spec)

    def __call__(self, image: Image | YuvImage, out: NDArray[Any]) -> Placement:
        """Write ``image`` into ``out`` and return where it lies in it.

        Args:
            image: Height × width × 3, BGR, or height × width (× 1), grey; ``uint8``. Or as a camera gives it: then
                not exact, as ``YuvImage`` says.
            out: The tensor, of the shape and type this plan was compiled for.

        Raises:
            InputError: The image is not ``uint8``, or has another number of channels.
        """
        resized, placement = self.resized(image)
        self.write(resized, out)
        return placement

    def write(self, resized: Image, out: NDArray[Any]) -> None:
        """Write what ``resized`` returned into ``out``, the tensor."""
        self._fill(resized, out)

    def resized(self, image: Image | YuvImage) -> tuple[Image, Placement]:
        """Return the picture at the model's size, not yet in the model's colours, and where it lies in it.

        The first half of a call, which may refuse the picture: whoever writes into an engine's own memory
        asks for that memory afterwards, so that no traceback keeps hold of it. The next call reuses the array.

        Raises:
            InputError: As for a call.
        """
        if isinstance(image, YuvImage):
            fit = self._fit_for(image.width, image.height)
            if not self._yuv.prefers_bgr(image, (fit.width, fit.height)):
                canvas, inner = self._canvas_for(fit, () if self.preprocess.color == "gray" else (3,))
                self._yuv(image, fit.box, inner)
                return canvas, fit.placement
            image = self._yuv.to_bgr(image)
        image = _checked(image)
        fit = self._fit_for(image.shape[1], image.shape[0])
        left, top, right, bottom = fit.box
        region = image[top:bottom, left:right]
        if region.shape[:2] == (self._height, self._width):
            return region, fit.placement
        canvas, inner = self._canvas_for(fit, image.shape[2:])
        self._cv2.resize(region, (fit.width, fit.height), dst=inner, interpolation=self._interpolation)
        return canvas, fit.placement

    def _fit_for(self, width: int, height: int) -> "_Fit":
        """Return how a picture of this size fits in, worked out once for all frames of a source."""
        placement = self._fit.placement
        if (placement.width, placement.height) != (width, height):
            self._fit = self._fitted(width, height)
        return self._fit

    def _fitted(self, width: int, height: int) -> "_Fit":
        if self.preprocess.resize == "letterbox":
            scale = min(self._width / width, self._height / height)
            wide = min(self._width, max(1, round(width * scale)))
            high = min(self._height, max(1, round(height * scale)))
            x, y = 0, 0
            if self.preprocess.align == "center":
                x, y = (self._width - wide) // 2, (self._height - high) // 2
            return _Fit(
                (0, 0, width, height), x, y, wide, high, Placement(wide / width, high / height, x, y, width, height)
            )
        left, top, right, bottom = 0, 0, width, height
        if self.preprocess.resize == "crop":
            left, top, right, bottom = self._crop_box(width, height)
        scale_x, scale_y = self._width / (right - left), self._height / (bottom - top)
        placement = Placement(scale_x, scale_y, -left * scale_x, -top * scale_y, width, height)
        return _Fit((left, top, right, bottom), 0, 0, self._width, self._height, placement)

    def _crop_box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return left, top, right, bottom of the centre that fills the input.

        Cutting before resizing touches fewer pixels than resizing the whole picture first.
        """
        fraction = self._crop_fraction
        scale = max(self._width / fraction / width, self._height / fraction / height)
        cut_width = min(width, max(1, round(self._width / scale)))
        cut_height = min(height, max(1, round(self._height / scale)))
        left, top = (width - cut_width) // 2, (height - cut_height) // 2
        return left, top, left + cut_width, top + cut_height

    def _canvas_for(self, fit: "_Fit", channels: tuple[int, ...]) -> tuple[Image, Image]:
        """Return the picture to be filled, its bars drawn, and the part of it that is no bar."""
        shape = (self._height, self._width, *channels)
        if self._canvas.shape != shape:
            self._canvas = np.empty(shape, np.uint8)
            self._drawn = (0, 0, 0, 0)
        place = (fit.x, fit.y, fit.width, fit.height)
        if place != self._drawn:
            self._canvas[...] = self._pad  # the bars stay until the source changes its size
            self._drawn = place
        return self._canvas, self._canvas[fit.y : fit.y + fit.height, fit.x : fit.x + fit.width]


@dataclass(frozen=True, slots=True)
class _Fit:
    """Which part of a picture is seen, left, top, right and bottom, and where in the input it lies."""

    box: tuple[int, int, int, int]
    x: int
    y: int
    width: int
    height: int
    placement: Placement


def _checked(image: Any) -> Image:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        got = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
        raise InputError(f"an image is a uint8 array, height × width × 3 in BGR, or a YuvImage; got {got}")
    picture: Image = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] != 3) or 0 in picture.shape:
        raise InputError(f"an image is height × width × 3 (BGR) or height × width (grey); got shape {image.shape}")
    return picture


def _interpolation(name: Interpolation) -> int:
    cv2 = opencv()
    codes: dict[str, int] = {
        "linear": cv2.INTER_LINEAR,
        "linear-exact": cv2.INTER_LINEAR_EXACT,
        "nearest": cv2.INTER_NEAREST,
        "area": cv2.INTER_AREA,
        "cubic": cv2.INTER_CUBIC,
    }
    return codes[name]


def to_pixels(preprocess: Preprocess, image: Image) -> NDArray[np.uint8]:
    """Return a picture at the model's size and colour: height × width × channels, ``uint8``.

    Raises:
        PreprocessError: The preprocessing does not know its size or colour yet.
        InputError: The image is no ``uint8`` picture.
    """
    return placed_pixels(preprocess, image)[0]


def placed_pixels(preprocess: Preprocess, image: Image) -> tuple[NDArray[np.uint8], Placement]:
    """Return a picture at the model's size and colour, and where it lies in the input.

    Raises:
        PreprocessError, InputError: As ``to_pixels``.
    """
    if preprocess.size is None or preprocess.color is None:
        raise PreprocessError("size and color are not known yet: call completed() first")
    width, height = preprocess.size
    spec = TensorSpec(name="pixels", dtype="uint8", shape=(1, height, width, preprocess.channels))
    as_bytes = msgspec.structs.replace(preprocess, range=(0.0, 255.0), mean=(), std=(), layout="nhwc")
    out = np.empty(spec.shape, np.uint8)
    placement = Plan(as_bytes, spec)(image, out)
    return np.asarray(out[0]), placement
