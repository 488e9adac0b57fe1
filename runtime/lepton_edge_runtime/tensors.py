"""What goes into a model and comes out of it: name, type, shape and int8 scaling."""

from math import prod
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

Dtype = Literal["float32", "float16", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "bool"]

OPEN = -1
"""Size of an axis that a model file does not fix."""


# Integers that may have a scale, and the type whose range their zero point lies in: formats hold it in 32 bits.
_SCALED = {
    "int8": "int8", "uint8": "uint8", "int16": "int16", "uint16": "uint16",
    "int32": "int32", "uint32": "int32", "int64": "int32",
}  # fmt: skip


class Quant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Affine integer scaling: ``real = scale * (stored - zero_point)``."""

    scale: float
    zero_point: int

    def __post_init__(self) -> None:
        """Refuse what scales nothing; file formats hold the scale as a float32."""
        limits = np.finfo(np.float32)
        if not float(limits.tiny) <= self.scale <= float(limits.max):
            raise ValueError(f"a scale is a positive float32 number, not {self.scale}")


class TensorSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One input or output of a model. ``quant`` is there for integers that stand for real numbers."""

    name: str
    dtype: Dtype
    shape: tuple[int, ...]
    quant: Quant | None = None

    def __post_init__(self) -> None:
        """Refuse a scaling that the tensor's type cannot hold."""
        if self.quant is None:
            return
        if self.dtype not in _SCALED:
            raise ValueError(f"{self.name} is {self.dtype}, and only integers have a scale")
        limits = np.iinfo(_SCALED[self.dtype])
        if not limits.min <= self.quant.zero_point <= limits.max:
            raise ValueError(
                f"the zero point of {self.name} ({self.dtype}) lies in {limits.min}..{limits.max}, "
                f"not {self.quant.zero_point}"
            )

    @property
    def size_bytes(self) -> int:
        """Bytes that the tensor holds."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize

    def shape_text(self) -> str:
        """Return the shape for people, such as ``1×224×224×3``; ``?`` is an open axis."""
        return "×".join("?" if size == OPEN else str(size) for size in self.shape)

    def __str__(self) -> str:
        scaling = f", scale {self.quant.scale:.6g}, zero point {self.quant.zero_point}" if self.quant else ""
        return f"{self.name} {self.dtype} {self.shape_text()}{scaling}"


def read_quant(dtype: str, scale: float, zero_point: int) -> Quant | None:
    """Return what a model file says of a tensor's scaling; ``None`` where it says 0, or of no integer.

    Raises:
        ValueError: It says what cannot be.
    """
    return Quant(scale, zero_point) if scale != 0 and dtype in _SCALED else None


def quantize(real: NDArray[Any], spec: TensorSpec) -> NDArray[Any]:
    """Return ``real`` as the tensor stores it: rounded half to even, clipped to the type's range."""
    dtype = np.dtype(spec.dtype)
    if spec.quant is None:
        return real.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    stored = np.rint(real.astype(np.float64) / spec.quant.scale) + spec.quant.zero_point
    return np.asarray(np.clip(stored, limits.min, limits.max), dtype)


def dequantize(stored: NDArray[Any], spec: TensorSpec) -> NDArray[Any]:
    """Return the real numbers, float32, that a tensor stores; unscaled types are returned as they are."""
    if spec.quant is None:
        return stored
    # stored minus zero_point can leave the 8-bit range, so widen first.
    widened = stored.astype(np.int32) - spec.quant.zero_point
    return widened.astype(np.float32) * np.float32(spec.quant.scale)
