"""How a picture becomes the tensor a model expects: the contract that bundles carry.

One ``Preprocess`` value prepares calibration samples, evaluation samples and camera frames, so the
three cannot differ. ``plan.py`` carries it out.
"""

from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.errors import PreprocessError
from lepton_edge_runtime.tensors import TensorSpec, quantize

Color = Literal["rgb", "bgr", "gray"]
Resize = Literal["stretch", "letterbox", "crop"]
Align = Literal["center", "top-left"]
Interpolation = Literal["linear", "linear-exact", "nearest", "area", "cubic"]
Layout = Literal["nhwc", "nchw"]

SIDE_MAX = 65_535
"""Pixels of the longest side of a picture that a model may take."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Preprocess(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a picture becomes the real numbers that the model was trained on.

    A byte ``b`` of channel ``c`` becomes ``(low + b * (high - low) / 255 - mean[c]) / std[c]`` with
    ``range = (low, high)``. What is left open, as ``None`` or empty, is the card's where there is one, else what the
    model tells, else what stands below.

    Attributes:
        size: Width and height in pixels of what the model takes.
        color: Channel order that the model expects.
        resize: ``stretch`` ignores the aspect ratio; ``letterbox`` keeps it and pads; ``crop`` cuts the
            centre so that ``crop_fraction`` of the short side fills the input (the ImageNet habit). Else ``stretch``.
        crop_fraction: Share of the short side that ``crop`` keeps; else 0.875, by habit 224/256.
        interpolation: ``linear-exact`` is bit-equal on x86 and Arm, and slower. Else ``linear``.
        pad: Grey level, 0 to 255, of the bars of a letterbox; else 114.
        align: Where a letterbox puts the picture: ``center``, or ``top-left`` with bars right and below only, as YOLOX
            and mmdet do. Else ``center``.
        range: Real numbers that the bytes 0 and 255 become, before mean and std.
        mean: One number a channel, in units of ``range``, in the model's colour order; empty for 0.
        std: One number a channel, likewise; empty for 1.
        layout: Order of the tensor's axes.

    Example:
        >>> Preprocess(size=(224, 224), color="rgb", resize="crop", range=(0, 255)).describe()
        '224×224 rgb, crop 0.875, range 0..255'
    """

    size: tuple[int, int] | None = None
    color: Color | None = None
    resize: Resize | None = None
    crop_fraction: float | None = None
    interpolation: Interpolation | None = None
    pad: int | None = None
    align: Align | None = None
    range: tuple[float, float] | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    layout: Layout = "nhwc"

    def __post_init__(self) -> None:
        """Refuse values that no picture could be prepared with."""
        if self.size is not None and not (min(self.size) >= 1 and max(self.size) <= SIDE_MAX):
            raise ValueError(f"size is (width, height) in pixels, 1 to {SIDE_MAX}, not {self.size}")
        if self.crop_fraction is not None and not 0 < self.crop_fraction <= 1:
            raise ValueError(f"crop_fraction lies in (0, 1], not {self.crop_fraction}")
        if self.pad is not None and not 0 <= self.pad <= 255:
            raise ValueError(f"pad is a grey level from 0 to 255, not {self.pad}")
        if self.range is not None and not (np.isfinite(self.range).all() and self.range[0] < self.range[1]):
            raise ValueError(f"range is (low, high) with low < high, not {self.range}")
        if not np.isfinite([*self.mean, *self.std]).all() or 0 in self.std:
            raise ValueError(f"mean and std are finite and std is not 0, not {self.mean} and {self.std}")

    @property
    def channels(self) -> int:
        """1 for grey, else 3."""
        return 1 if self.color == "gray" else 3

    def describe(self) -> str:
        """Return one line for people."""
        size = "{}×{}".format(*self.size) if self.size else "size from the model"
        resize = self.resize or _HABITS.resize
        crop = f" {self.crop_fraction or _HABITS.crop_fraction:g}" if resize == "crop" else ""
        aligned = f" {self.align}" if resize == "letterbox" and self.align not in (None, _HABITS.align) else ""
        low_high = "{:g}..{:g}".format(*self.range) if self.range else "from the model"
        scaling = f", mean {self.mean}, std {self.std}" if self.mean or self.std else ""
        return f"{size} {self.color or 'color from the model'}, {resize}{crop}{aligned}, range {low_high}{scaling}"

    def over(self, card: "Preprocess") -> "Preprocess":
        """Return this with what it leaves open taken from the card's.

        ``mean`` and ``std`` are the card's where none of ``range``, ``mean`` and ``std`` is given: they are
        in units of a range, and do not go with another one.
        """
        scaled = self.range is not None or bool(self.mean or self.std)
        return msgspec.structs.replace(
            self,
            size=self.size or card.size,
            color=self.color or card.color,
            resize=self.resize or card.resize,
            crop_fraction=card.crop_fraction if self.crop_fraction is None else self.crop_fraction,
            interpolation=self.interpolation or card.interpolation,
            pad=card.pad if self.pad is None else self.pad,
            align=self.align or card.align,
            range=self.range or card.range,
            mean=self.mean if scaled else card.mean,
            std=self.std if scaled else card.std,
            # The order of a tensor's axes is no wish: it is as the model has it.
            layout=card.layout if self.layout == "nhwc" else self.layout,
        )

    def completed(self, spec: TensorSpec) -> "Preprocess":
        """Return this with size, color and range filled in from the tensor it feeds, and the rest by habit.

        Raises:
            PreprocessError: The tensor takes no pictures, or other ones than asked for, or does not tell
                what numbers it takes.
        """
        height, width, channels = picture_shape(spec, self.layout)
        size = self.size or (width, height)
        if size != (width, height):
            asked = "{}×{}".format(*self.size or ())
            raise PreprocessError(f"size {asked} was asked for; the model's input {spec.name!r} is {width}×{height}")
        color = self.color or ("gray" if channels == 1 else "rgb")
        if self.range is None and spec.quant is None and spec.dtype.startswith(("int", "uint")):
            raise PreprocessError(
                f"the input {spec.name!r} is {spec.dtype} without a scale, which does not tell what bytes become; "
                "give a range, such as range=(0, 255)"
            )
        full = self.over(msgspec.structs.replace(_HABITS, size=size, color=color, layout=self.layout))
        if full.channels != channels:
            raise PreprocessError(
                f"color {color!r} was asked for; the model's input {spec.name!r} has {channels} channels"
            )
        for name, values in (("mean", full.mean), ("std", full.std)):
            if len(values) not in (0, channels):
                raise PreprocessError(f"{name} has {len(values)} numbers for {channels} channels")
        if self.range is None and any(abs(one) > 1 for one in self.mean):
            # Each picture would become one and the same number.
            raise PreprocessError(
                f"mean {self.mean} is in units of the range, which is 0..1 where it is not said; say it too, such as "
                "range=(0, 255)"
            )
        return full

    def levels(self) -> NDArray[np.float64]:
        """Return the real number that each byte becomes: 256 × channels, in the model's colour order."""
        low, high = self.range or (0.0, 1.0)
        mean = np.asarray(self.mean or (0.0,) * self.channels)
        std = np.asarray(self.std or (1.0,) * self.channels)
        spread = np.arange(256, dtype=np.float64)[:, np.newaxis] * (high - low) / 255
        return np.asarray((low + spread - mean) / std)

    def stored(self, pixels: NDArray[np.uint8], spec: TensorSpec) -> NDArray[Any]:
        """Return pixels that are already at the model's size and colour as the tensor stores them.

        Args:
            pixels: … × height × width × channels, the model's colour order.
            spec: The tensor.

        Returns:
            Of the tensor's type, the same shape for layout ``nhwc``; channels moved before height for ``nchw``.
        """
        table = quantize(self.levels(), spec)
        values = np.empty(pixels.shape, table.dtype)
        for c in range(self.channels):
            values[..., c] = table[pixels[..., c], c]
        return np.moveaxis(values, -1, -3) if self.layout == "nchw" else values

    def to_real(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return pixels that are already at the model's size and colour as real numbers.

        Args:
            pixels: … × height × width × channels, the model's colour order.

        Returns:
            ``float32``, the same shape for layout ``nhwc``; channels moved before height for ``nchw``.
        """
        levels = self.levels().astype(np.float32)
        real = np.stack([levels[pixels[..., c], c] for c in range(self.channels)], axis=-1)
        return np.moveaxis(real, -1, -3) if self.layout == "nchw" else real


_HABITS = Preprocess(
    resize="stretch", crop_fraction=0.875, interpolation="linear", pad=114, align="center", range=(0.0, 1.0)
)
"""What is meant where nobody says otherwise."""


PRESET_RANGES: dict[str, dict[str, Any]] = {
    "0..1": {"range": (0.0, 1.0)},
    "-1..1": {"range": (-1.0, 1.0)},
    "0..255": {"range": (0.0, 255.0)},
    "imagenet": {"range": (0.0, 1.0), "mean": IMAGENET_MEAN, "std": IMAGENET_STD},
}


def picture_shape(spec: TensorSpec, layout: Layout) -> tuple[int, int, int]:
    """Return height, width and channels of a tensor that takes one picture, or raise PreprocessError."""
    shape = spec.shape
    if len(shape) == 4 and shape[0] == 1:
        height, width, channels = (shape[1], shape[2], shape[3]) if layout == "nhwc" else (shape[2], shape[3], shape[1])
        if channels in (1, 3) and min(height, width) >= 1 and max(height, width) <= SIDE_MAX:
            return height, width, channels
    axes = "1 × height × width × 1 or 3" if layout == "nhwc" else "1 × 1 or 3 × height × width"
    raise PreprocessError(
        f"the input {spec.name!r} takes no picture: its shape is {shape}, not {axes} of 1 to {SIDE_MAX} pixels"
    )
