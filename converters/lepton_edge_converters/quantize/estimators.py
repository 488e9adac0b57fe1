"""Ways to choose the range that a tensor's 8 bits shall cover, from the numbers that were seen in it."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.quantize.histograms import Histogram
from lepton_edge_converters.quantize.ranges import Range

_STEPS = 255  # between the least and the largest of 256 numbers
_CUT_SHARE = 1e-4  # a ten-thousandth at each end: one number in a feature map of 100 × 100
_CANDIDATES = 2.0 ** -(np.arange(49) / 4)  # shares of an end: down to 1/4096, four an octave


def minmax(seen: Histogram) -> Range:
    """Return the range of all that was seen."""
    return _with_zero(seen.low, seen.high)


def percentile(seen: Histogram) -> Range:
    """Return the range without the outermost ten-thousandth at each end."""
    below = np.cumsum(seen.counts)
    cut = _CUT_SHARE * below[-1]
    low = seen.values[np.searchsorted(below, cut, side="right").clip(max=len(below) - 1)]
    high = seen.values[np.searchsorted(below, below[-1] - cut, side="left")]
    return _with_zero(float(low), float(high))


def mse(seen: Histogram) -> Range:
    """Return the range with the least mean squared error, of rounding and of cutting off together.

    Rounding to steps of size s costs s²/12 on average (uniform error), but a number below half a step becomes 0 and
    costs its own square; a number beyond an end costs the square of its distance.
    Source: W. R. Bennett, "Spectra of quantized signals", Bell System Technical Journal 27 (1948).
    """
    low, high = _with_zero(seen.low, seen.high)
    lows, highs = (np.unique(end * _CANDIDATES) for end in (low, high))
    costs = _costs(seen, lows[:, np.newaxis], highs[np.newaxis, :])
    best = np.unravel_index(int(costs.argmin()), costs.shape)
    return float(lows[best[0]]), float(highs[best[1]])


ESTIMATORS: Mapping[str, Callable[[Histogram], Range]] = {"minmax": minmax, "percentile": percentile, "mse": mse}


def _with_zero(low: float, high: float) -> Range:
    """Return the range with 0 in it, which every scale must hit: padding and ReLU make it."""
    return min(low, 0.0), max(high, 0.0)


def _costs(seen: Histogram, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the squared error of all that was seen, for each pair of ends."""
    step = (high - low) / _STEPS
    sums = [np.concatenate([[0.0], np.cumsum(seen.counts * seen.values**power)]) for power in range(3)]

    def between(start: NDArray[np.float64], end: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        first, last = np.searchsorted(seen.values, start), np.searchsorted(seen.values, end)
        return [one[np.maximum(first, last)] - one[first] for one in sums]

    lowest, highest = np.full_like(step, -np.inf), np.full_like(step, np.inf)
    under, over = between(lowest, low + 0 * step), between(high + 0 * step, highest)
    small = between(np.maximum(-step / 2, low), np.minimum(step / 2, high))
    inside = sums[0][-1] - under[0] - over[0] - small[0]
    cut = sum(part[2] - 2 * end * part[1] + end**2 * part[0] for part, end in ((under, low), (over, high)))
    return np.asarray(cut + small[2] + np.maximum(inside, 0) * step**2 / 12)
