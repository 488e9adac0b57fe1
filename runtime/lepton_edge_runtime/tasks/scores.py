"""Scores as a model stores them: compared as they are, and made real numbers only where they are kept."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.heads.parts import Apply
from lepton_edge_runtime.tensors import TensorSpec, dequantize

_TABLE_BITS_MAX = 16


class Scores:
    """One tensor of scores, and the least of them that counts.

    Attributes:
        least: The least stored number whose score is ``min_score`` or more; for scaled integers above the type's range
            where no number reaches it.

    Args:
        spec: The tensor.
        apply: What makes its numbers scores, each by itself.
        min_score: 0 to 1.
    """

    def __init__(self, spec: TensorSpec, apply: Apply, min_score: float) -> None:
        self._spec = spec
        self._sigmoid = apply == "sigmoid"
        dtype = np.dtype(spec.dtype)
        self._table: NDArray[np.float32] | None = None
        if dtype.kind in "iu" and dtype.itemsize * 8 <= _TABLE_BITS_MAX:
            limits = np.iinfo(dtype)
            levels = np.arange(limits.min, limits.max + 1)
            table = self._scored(dequantize(levels, spec))
            # A scale is positive, so scores rise with what is stored.
            self.least: float = int(levels[0]) + int(np.searchsorted(table, np.float32(min_score)))
            self._first, self._table = int(limits.min), table
        else:
            self.least = float(_logit(min_score)) if self._sigmoid else min_score

    def real(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """Return scores, ``float32``, of stored numbers; the same shape."""
        if self._table is not None:
            return self._table[stored.astype(np.intp) - self._first]
        return self._scored(dequantize(stored, self._spec))

    def _scored(self, real: NDArray[Any]) -> NDArray[np.float32]:
        real = real.astype(np.float32, copy=False)
        return sigmoid(real) if self._sigmoid else real


def sigmoid(real: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logistic function, ``1 / (1 + exp(-x))``."""
    with np.errstate(over="ignore"):  # far below 0 a power is infinite, and the score 0
        return np.asarray(1 / (1 + np.exp(-real)), np.float32)


def softmax(real: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return shares that sum to 1 along the last axis."""
    powers = np.exp(real - real.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


def _logit(share: float) -> float:
    with np.errstate(divide="ignore"):
        return float(np.log(np.float64(share)) - np.log1p(-np.float64(share)))
