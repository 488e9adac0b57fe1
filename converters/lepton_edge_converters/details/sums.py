"""What is summed up of one layer, sample after sample, so that no activations are kept."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.gates.likeness import ratio_db
from lepton_edge_runtime.tensors import Quant


class Sums:
    """A layer's float numbers, and the same as a converted file has them.

    Args:
        dtype: Of the converted file's tensor.
        quant: Its scaling; ``None`` if it stores real numbers.

    Attributes:
        power: Sum of the squares of the float numbers.
        noise: Sum of the squares of the differences.
        low, high: Ends of the float numbers.
        range: Ends of what the converted tensor can hold; ``None`` if it stores real numbers.
    """

    def __init__(self, dtype: np.dtype[Any], quant: Quant | None) -> None:
        self.power = self.noise = 0.0
        self.low, self.high = float("inf"), -float("inf")
        self.range: tuple[float, float] | None = None
        self._quant = quant
        self._stored_noise = 0.0
        self._clipped = self._count = 0
        if quant is not None:
            self._limits = np.iinfo(dtype)
            self.range = (
                quant.scale * (int(self._limits.min) - quant.zero_point),
                quant.scale * (int(self._limits.max) - quant.zero_point),
            )

    def add(self, real: NDArray[Any], converted: NDArray[Any]) -> None:
        """Add one run: the float file's numbers, and the converted file's as it stores them."""
        real = real.astype(np.float64)
        self.power += float((real**2).sum())
        self.noise += float(((real - self._real(converted)) ** 2).sum())
        self.low, self.high = min(self.low, float(real.min())), max(self.high, float(real.max()))
        self._count += real.size
        if self._quant is not None:
            stored = np.rint(real / self._quant.scale) + self._quant.zero_point
            kept = np.clip(stored, self._limits.min, self._limits.max)
            # Half a step beyond the last one is rounding, as of a softmax's 1 in steps of 1/256.
            self._clipped += int((np.abs(stored - kept) > 1).sum())
            self._stored_noise += float(((real - self._real(kept)) ** 2).sum())

    @property
    def noise_share(self) -> float:
        """Power of the difference over that of the float numbers; ``inf`` without a signal or with NaN."""
        share = self.noise / self.power if self.power else float("inf")
        return share if np.isfinite(share) else float("inf")

    @property
    def sqnr_db(self) -> float:
        """The same the other way round, in decibels."""
        return ratio_db(self.power, self.noise)

    @property
    def storage_db(self) -> float | None:
        """SQNR if the float numbers were merely stored in the converted tensor's scale."""
        return ratio_db(self.power, self._stored_noise) if self._quant is not None else None

    @property
    def clipped_share(self) -> float:
        """Share of the float numbers more than a step outside the converted tensor's range."""
        return self._clipped / self._count if self._count else 0.0

    def _real(self, stored: NDArray[Any]) -> NDArray[np.float64]:
        real = stored.astype(np.float64)
        return real if self._quant is None else (real - self._quant.zero_point) * self._quant.scale
