"""Intervals for shares and for paired differences of shares, and how many samples would prove a bound."""

from math import ceil, comb, isfinite, log, log1p, sqrt

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.report.numbers import Drop, Loss, Share

_Z = 1.959963984540054  # the normal distribution's 97.5 % point: two-sided 95 %
_TAIL = 0.025  # what lies beyond it
_Z_POWER = 0.8416212335729143  # its 80 % point: proven four times in five


def share(hits: NDArray[np.bool_]) -> Share:
    """Return the share of hits with Wilson's score interval.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22 (1927).
    """
    n = len(hits)
    p = float(hits.mean())
    centre = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
    # At 0 and 1 the formula ends a rounding error beyond the share itself.
    return Share(p, max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half)), n)


def paired_drop(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> Drop:
    """Return how many points of accuracy were lost, with an interval for samples judged twice.

    Only samples on which the two differ carry information. The interval is the adjusted Wald interval of
    A. Agresti and Y. Min, "Simple improved confidence intervals for comparing matched proportions",
    Statistics in Medicine 24 (2005): half a sample is added to each of the four outcomes.
    """
    n = len(before)
    lost = int((before & ~after).sum())
    won = int((~before & after).sum())
    difference, variance = _adjusted(lost, won, n)
    half = _Z * sqrt(variance / (n + 2))
    low, high = 100 * max(-1.0, difference - half), 100 * min(1.0, difference + half)
    return Drop(100 * (lost - won) / n, low, high, lost=lost, won=won, samples=n, p=mcnemar(lost, won))


def _adjusted(lost: int, won: int, n: int) -> tuple[float, float]:
    """Return the mean of one sample's loss (1, 0 or -1) and its variance, half a sample added to each outcome."""
    mean = (lost - won) / (n + 2)
    return mean, max((lost + won + 1) / (n + 2) - mean**2, 0.0)


def mcnemar(lost: int, won: int) -> float:
    """Return how likely counts as unequal as these are where in truth as many are lost as won, 0 to 1, two-sided.

    Exact, from the binomial distribution. Source: Q. McNemar, "Note on the sampling error of the difference between
    correlated proportions or percentages", Psychometrika 12 (1947).
    """
    n = lost + won
    tail = sum(comb(n, k) for k in range(min(lost, won) + 1))
    return min(1.0, 2 * tail / (1 << n))


def samples_to_prove(drop: Drop, bound: float) -> int | None:
    """Return how many samples would prove a drop in accuracy to be at most ``bound`` points; ``None``: no number would.

    Samples are supposed to differ as often as they did, and what was won by luck not to be won again; then the
    interval of ``paired_drop`` ends below the bound four times in five. Source: R. J. Connor, "Sample size for
    testing differences in proportions for the paired-sample design", Biometrics 43 (1987), with the distance to the
    bound in place of the difference.
    """
    _, variance = _adjusted(drop.lost, drop.won, drop.samples)
    return sample_size(max(drop.points, 0.0), bound, 100 * sqrt(variance))


def samples_to_prove_loss(loss: Loss, bound: float, samples: int) -> int | None:
    """Return how many samples would prove a metric's loss to be at most ``bound``; ``None``: none is known.

    Where no draw differed, as many as show by their number alone that those which do are few enough (Clopper and
    Pearson); else by the deviation of a single sample, which the interval's width tells.
    """
    room = bound - loss.value
    if loss.value == loss.low < loss.high and 0 < room < 1:
        return ceil(log(_TAIL) / log1p(-room))
    return sample_size(loss.value, bound, sqrt(samples) * (loss.high - loss.low) / (2 * _Z))


def sample_size(loss: float, bound: float, deviation: float) -> int | None:
    """Return how many samples prove a mean loss to be at most ``bound``, at 95 %, four times in five; ``None``: none.

    Args:
        loss: What is lost on average.
        bound: Most that may be, in the same unit.
        deviation: Standard deviation of a single sample's loss, in the same unit.
    """
    if not (loss < bound and isfinite(deviation)):
        return None
    return ceil(((_Z + _Z_POWER) * deviation / (bound - loss)) ** 2)
