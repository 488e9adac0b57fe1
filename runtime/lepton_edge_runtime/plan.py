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
        self._canvas: NDArray[np.uint8] | None = None
        self._canvas_geometry: tuple[int, ...] = ()
        self._fill = Fill(full, spec)

    def __call__(self, image: Image, out: NDArray[Any]) -> Placement:
        """Write ``image`` into ``out`` and return where it lies in it.

        Args:
            image: Height × width × 3, BGR, or height × width (× 1), grey; ``uint8``.
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

    def resized(self, image: Image) -> tuple[Image, Placement]:
        """Return the picture at the model's size, still in the source's colours, and where it lies in it.

        The first half of a call, which may refuse the picture: whoever writes into an engine's own memory
        asks for that memory afterwards, so that no traceback keeps hold of it. The next call reuses the array.

        Raises:
            InputError: As for a call.
        """
        image = _checked(image)
        height, width = image.shape[:2]
        if self.preprocess.resize == "letterbox":
            return self._letterboxed(image)
        left, top, right, bottom = 0, 0, width, height
        if self.preprocess.resize == "crop":
            left, top, right, bottom = self._crop_box(width, height)
        region = image[top:bottom, left:right]
        scale_x, scale_y = self._width / (right - left), self._height / (bottom - top)
        placement = Placement(scale_x, scale_y, -left * scale_x, -top * scale_y, width, height)
        if region.shape[:2] == (self._height, self._width):
            return region, placement
        canvas = self._canvas_for(image)
        self._cv2.resize(region, (self._width, self._height), dst=canvas, interpolation=self._interpolation)
        return canvas, placement

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

    def _letterboxed(self, image: Image) -> tuple[Image, Placement]:
        height, width = image.shape[:2]
        scale = min(self._width / width, self._height / height)
        new_width = min(self._width, max(1, round(width * scale)))
        new_height = min(self._height, max(1, round(height * scale)))
        left, top = 0, 0
        if self.preprocess.align == "center":
            left, top = (self._width - new_width) // 2, (self._height - new_height) // 2
        canvas = self._canvas_for(image)
        geometry = (left, top, new_width, new_height, canvas.ndim)
        if geometry != self._canvas_geometry:
            canvas[...] = self._pad  # the bars stay until the source changes its size
            self._canvas_geometry = geometry
        inner = canvas[top : top + new_height, left : left + new_width]
        self._cv2.resize(image, (new_width, new_height), dst=inner, interpolation=self._interpolation)
        return canvas, Placement(new_width / width, new_height / height, left, top, width, height)

    def _canvas_for(self, image: Image) -> NDArray[np.uint8]:
        shape = (self._height, self._width, *image.shape[2:])
        if self._canvas is None or self._canvas.shape != shape:
            self._canvas = np.empty(shape, np.uint8)
            self._canvas_geometry = ()
        return self._canvas


def _checked(image: Any) -> Image:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        got = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
        raise InputError(f"an image is a uint8 array, height × width × 3 in BGR; got {got}")
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
