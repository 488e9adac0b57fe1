"""What goes into a model and comes out of it: name, type, shape and int8 scaling."""

from math import prod
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

Dtype = Literal["float32", "float16", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "bool"]

OPEN = -1
"""Size of an axis that a model file does not fix."""


class Quant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Affine integer scaling: ``real = scale * (stored - zero_point)``."""

    scale: float
    zero_point: int


class TensorSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One input or output of a model. ``quant`` is there for integers that stand for real numbers."""

    name: str
    dtype: Dtype
    shape: tuple[int, ...]
    quant: Quant | None = None

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
