"""Rank correlation of two maps, and the mean of several with its interval."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.report.numbers import Score

_FLAT = 1e-9  # heat that differs by less, in units of a score, is no heat
_ROUNDS, _SEED, _TAIL = 2000, 0, 0.025


def rank_correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return Spearman's rank correlation, -1 to 1, equal numbers sharing their mean rank.

    0 where one of the two is the same everywhere, and not a number where both are.
    Source: C. Spearman, "The proof and measurement of association between two things", American Journal of
    Psychology 15 (1904).
    """
    flat = [float(np.ptp(values)) <= _FLAT for values in (one, other)]
    if any(flat):
        return float("nan") if all(flat) else 0.0
    first, second = (ranks - ranks.mean() for ranks in (_ranks(one), _ranks(other)))
    return float(np.clip((first @ second) / np.sqrt((first @ first) * (second @ second)), -1, 1))


def mean_correlation(correlations: Sequence[float]) -> Score | None:
    """Return the mean, with the percentiles of means over pictures drawn again; ``None`` where there is no number.

    Source: B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
    """
    found = np.array([one for one in correlations if np.isfinite(one)])
    if not len(found):
        return None
    low = high = float("nan")  # one picture tells nothing of others
    if len(found) > 1:
        drawn = np.random.default_rng(_SEED).integers(0, len(found), (_ROUNDS, len(found)))
        low, high = (float(end) for end in np.quantile(found[drawn].mean(axis=1), [_TAIL, 1 - _TAIL]))
    return Score("rank correlation of heat", float(found.mean()), low, high, len(found))


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    _, places, counts = np.unique(values.reshape(-1), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[places.reshape(-1)], np.float64)
