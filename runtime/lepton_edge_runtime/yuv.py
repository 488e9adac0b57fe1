"""Pictures as cameras give them: luma and chroma apart, before anything has made colours of them."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.images import Image, opencv

YuvLayout = Literal["nv12", "nv21", "i420", "yuyv", "uyvy"]
Plane = NDArray[np.uint8]

PACKED = ("yuyv", "uyvy")
"""Layouts of one plane; the others have luma first, and after it chroma at half its height."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class YuvImage:
    """A picture as a camera gives it. A model takes it like any other, and colours are made at the model's size only.

    That spares most of the work, and is not the same to the bit as converting first and resizing then: the two differ
    by about one grey level on average, and by some tens at sharp edges of colour (docs/cameras.md). Only where the
    model's size is not much smaller is the picture converted first, exactly. Bundles are calibrated on pictures of
    colours, never on these.

    Numbers are taken for BT.601's of limited range, luma 16 to 235 and chroma 16 to 240, as OpenCV takes them: what a
    camera gives as BT.709 or of full range becomes colours that are somewhat off.

    Attributes:
        layout: ``nv12`` (chroma U V), ``nv21`` (V U) and ``i420`` (U and V apart) have chroma at half the width and
            height; ``yuyv`` (YUY2) and ``uyvy`` at half the width.
        planes: Views of the camera's memory, ``uint8``; of ``nv12`` and ``nv21`` height × width and height / 2 ×
            width / 2 × 2; of ``i420`` height × width and two of height / 2 × width / 2; of the others one,
            height × width × 2.

    Raises:
        InputError: The planes are none of such a picture.

    Example:
        >>> YuvImage.from_bytes(bytes(640 * 480 * 3 // 2), "nv12", 640, 480)
        YuvImage(nv12, 640×480)
    """

    layout: YuvLayout
    planes: tuple[Plane, ...]

    def __post_init__(self) -> None:
        """Refuse planes of another picture."""
        _check_layout(self.layout)
        given = tuple(np.asarray(one) for one in self.planes)
        first = given[0].shape if given else ()
        if len(first) != (3 if self.layout in PACKED else 2) or any(one.dtype != np.uint8 for one in given):
            raise InputError(f"{_article(self.layout)} picture is {_told(self.layout)}, uint8; got {_got(given)}")
        _check_size(self.layout, first[1], first[0])
        if tuple(one.shape for one in given) != _shapes(self.layout, first[1], first[0]):
            raise InputError(f"{_article(self.layout)} picture is {_told(self.layout)}; got {_got(given)}")

    @classmethod
    def from_array(cls, array: NDArray[np.uint8], layout: YuvLayout, *, width: int | None = None) -> "YuvImage":
        """Return the picture in an array as OpenCV and picamera2 give them, without a copy.

        Args:
            array: ``uint8``. Of ``yuyv`` and ``uyvy`` height × width × 2 or height × bytes of a row, else
                height × 3 / 2 × bytes of a row of luma.
            layout: How the bytes lie.
            width: In pixels, where rows are padded; else all of a row is the picture.

        Raises:
            InputError: No such picture fits the array.
        """
        _check_layout(layout)
        if (dtype := getattr(array, "dtype", None)) != np.uint8:
            got = dtype or type(array).__name__
            raise InputError(f"{_article(layout)} picture is an array of uint8; got {got}")
        packed = layout in PACKED
        if array.ndim == 3 and array.shape[2] == (2 if packed else 1):
            array = array.reshape(array.shape[0], -1)
        if array.ndim != 2:
            rows_told = "height" if packed else "height × 3 / 2"
            raise InputError(
                f"{_article(layout)} picture is an array of {rows_told} rows of bytes; got shape {array.shape}; bytes "
                "in a row are for from_bytes"
            )
        if layout == "i420" and not array.flags.c_contiguous:
            raise InputError(
                "rows of i420's chroma lie two in a row of the array: padding cannot be cut off, say width= instead"
            )
        rows, stride = array.shape
        if not packed and rows % 3:
            raise InputError(f"{_article(layout)} picture has 3 rows for each 2 of the picture; got {rows}")
        height = rows if packed else rows // 3 * 2
        return cls(layout, _planes(array, layout, stride // (1 + packed) if width is None else width, height))

    @classmethod
    def from_bytes(
        cls,
        data: bytes | bytearray | memoryview | NDArray[np.uint8],
        layout: YuvLayout,
        width: int,
        height: int,
        *,
        stride: int | None = None,
    ) -> "YuvImage":
        """Return the picture in a buffer, one plane after the other, without a copy.

        Args:
            data: As many bytes as the picture has, with its padding.
            layout: How the bytes lie.
            width: In pixels.
            height: In pixels.
            stride: Bytes from one row of the first plane to the next, where they are padded; of ``i420``, rows of
                chroma have half of it.

        Raises:
            InputError: These are not as many bytes, or there is no such picture.
        """
        _check_layout(layout)
        _check_size(layout, width, height)
        packed = layout in PACKED
        stride = width * (1 + packed) if stride is None else stride
        rows = height if packed else height * 3 // 2
        array = np.frombuffer(data, np.uint8)
        if array.size != rows * stride:
            raise InputError(
                f"{_article(layout)} picture of {width}×{height} in rows of {stride} bytes has {rows * stride}; got "
                f"{array.size}"
            )
        return cls(layout, _planes(array.reshape(rows, stride), layout, width, height))

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.planes[0].shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.planes[0].shape[0])

    def to_bgr(self) -> Image:
        """Return the picture as all else takes it: height × width × 3, BGR, converted by OpenCV."""
        return converted(self)

    def __repr__(self) -> str:
        return f"YuvImage({self.layout}, {self.width}×{self.height})"


def bgr_of(image: Image | YuvImage) -> Image:
    """Return a picture with colours made, where that has not been done."""
    return image.to_bgr() if isinstance(image, YuvImage) else image


def converted(image: YuvImage, out: Image | None = None, pairs: Plane | None = None) -> Image:
    """Return a camera's picture as height × width × 3, BGR.

    Args:
        image: The picture.
        out: Written into and returned, where given.
        pairs: Of ``i420`` likewise for its chroma: height / 2 × width / 2 × 2.
    """
    cv2 = opencv()
    codes = {
        "nv12": cv2.COLOR_YUV2BGR_NV12,
        "nv21": cv2.COLOR_YUV2BGR_NV21,
        "i420": cv2.COLOR_YUV2BGR_NV12,
        "yuyv": cv2.COLOR_YUV2BGR_YUYV,
        "uyvy": cv2.COLOR_YUV2BGR_UYVY,
    }
    code = codes[image.layout]
    if image.layout in PACKED:
        made: Any = cv2.cvtColor(image.planes[0], code, dst=out)
    else:
        luma, *chroma = image.planes
        both = chroma[0] if len(chroma) == 1 else cv2.merge(chroma, dst=pairs)
        made = cv2.cvtColorTwoPlane(luma, both, code, dst=out)
    return made  # type: ignore[no-any-return]  # cv2 ships no types


def _planes(rows: Plane, layout: YuvLayout, width: int, height: int) -> tuple[Plane, ...]:
    """Return the planes in rows of bytes, one plane after the other, as views."""
    _check_size(layout, width, height)
    stride = rows.shape[1]
    if stride < width * (1 + (layout in PACKED)) or (layout == "i420" and stride % 2):
        raise InputError(f"rows of {stride} bytes hold no {layout} picture of {width} pixels each")
    if layout in PACKED:
        return (rows[:, : 2 * width].reshape(height, width, 2),)
    luma = rows[:height, :width]
    if layout != "i420":
        return luma, rows[height:, :width].reshape(height // 2, width // 2, 2)
    u, v = rows[height:].reshape(2, height // 2, stride // 2)
    return luma, u[:, : width // 2], v[:, : width // 2]


def _shapes(layout: YuvLayout, width: int, height: int) -> tuple[tuple[int, ...], ...]:
    half = height // 2, width // 2
    return {
        "nv12": ((height, width), (*half, 2)),
        "nv21": ((height, width), (*half, 2)),
        "i420": ((height, width), half, half),
        "yuyv": ((height, width, 2),),
        "uyvy": ((height, width, 2),),
    }[layout]


def _check_layout(layout: str) -> None:
    if layout not in get_args(YuvLayout):
        raise InputError(f"there is no layout {layout!r}; there are: {', '.join(get_args(YuvLayout))}")


def _check_size(layout: YuvLayout, width: int, height: int) -> None:
    if width < 1 or height < 1 or width % 2 or (layout not in PACKED and height % 2):
        even = "width" if layout in PACKED else "width and height"
        raise InputError(f"{_article(layout)} picture has an even {even}, and at least one pixel; got {width}×{height}")


def _told(layout: YuvLayout) -> str:
    """Return which planes a picture has, for a message."""
    if layout in PACKED:
        return "one plane, height × width × 2"
    chroma = "two of height / 2 × width / 2" if layout == "i420" else "one of height / 2 × width / 2 × 2"
    return f"a plane of height × width and {chroma}"


def _got(planes: tuple[NDArray[Any], ...]) -> str:
    return ", ".join(f"{one.dtype} {one.shape}" for one in planes) or "none"


def _article(layout: YuvLayout) -> str:
    return f"{'a' if layout in PACKED else 'an'} {layout}"
