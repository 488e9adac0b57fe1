"""Intervals for shares and for paired differences of shares."""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.report import Drop, Share

_Z = 1.959963984540054  # the normal distribution's 97.5 % point: two-sided 95 %


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
    adjusted_n, adjusted_lost, adjusted_won = n + 2, lost + 0.5, won + 0.5
    difference = (adjusted_lost - adjusted_won) / adjusted_n
    spread = (adjusted_lost + adjusted_won) - (adjusted_lost - adjusted_won) ** 2 / adjusted_n
    half = _Z * sqrt(max(spread, 0.0)) / adjusted_n
    return Drop(100 * (lost - won) / n, 100 * max(-1.0, difference - half), 100 * min(1.0, difference + half))
