"""Intervals for any number that can be computed anew from samples drawn again."""

from collections.abc import Sequence
from math import isfinite, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import MetricError
from lepton_edge_converters.metrics import Metric, Scoring
from lepton_edge_converters.report.numbers import Loss, Score
from lepton_edge_runtime.card import Card

_TAIL = 0.025  # two-sided 95 %
_SEED = 0


def scored(
    metric: Metric, reference: Sequence[NDArray[Any]], answers: Sequence[NDArray[Any]], card: Card
) -> tuple[Score, Score, Loss]:
    """Return what a metric says of the original and of a converted model, and what was lost between them.

    Samples are drawn again with the same draws for both (a paired bootstrap), and the intervals are the percentiles
    of what comes out: B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.

    Raises:
        MetricError: The metric is not for these outputs, or a user's own one failed.
    """
    count = len(reference[0])
    draws = _draws(count, metric.rounds)
    converted = _asked(metric.compare(reference, answers, card), draws)
    # Ours compare with the original: it is 1 against itself.
    original = _asked(metric.compare(reference, reference, card), draws) if metric.own else np.ones(len(draws))
    if not isfinite(original[0]):
        raise MetricError(f"the metric {metric.name!r} answers {original[0]} to the original model's own outputs")
    blind = _blind(count) if not metric.own or _are_shares(original, converted) else nan
    return (
        _score(metric, original, count, 0.0),
        _score(metric, converted, count, blind),
        Loss(*_interval(original - converted, blind)),
    )


def _draws(count: int, rounds: int) -> NDArray[np.float64]:
    """Return weights: once each, and then how often each is drawn in each round."""
    drawn = np.random.default_rng(_SEED).multinomial(count, np.full(count, 1 / count), size=rounds)
    return np.concatenate([np.ones((1, count)), drawn])


def _asked(scoring: Scoring, draws: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([scoring(weights) for weights in draws], np.float64)


def _score(metric: Metric, numbers: NDArray[np.float64], count: int, blind: float) -> Score:
    value, low, high = _interval(-numbers, blind)
    return Score(metric.name, -value, -high, -low, count)


def _interval(numbers: NDArray[np.float64], blind: float) -> tuple[float, float, float]:
    """Return the whole set's number and the percentiles of the draws'; draws without a number do not count.

    Args:
        numbers: Of the whole set, then of each draw; the higher, the worse.
        blind: How much worse it may be where all draws are equal; not a number where that cannot be told.
    """
    drawn = numbers[1:][np.isfinite(numbers[1:])]
    if not isfinite(numbers[0]) or 2 * len(drawn) < len(numbers) - 1:
        return float(numbers[0]), nan, nan
    low, high = np.quantile(drawn, [_TAIL, 1 - _TAIL])
    if low == high:
        high = high + blind
    return float(numbers[0]), float(low), float(high)


def _are_shares(*numbers: NDArray[np.float64]) -> bool:
    """Return whether numbers in a unit of the user's own all lie in 0 to 1: a sample then costs 1 at most."""
    return all(((one >= 0) & (one <= 1) | np.isnan(one)).all() for one in numbers)


def _blind(count: int) -> float:
    """Return what all draws may have missed where they are equal: most samples that may differ if none of n does.

    Source: C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits", Biometrika 26 (1934).
    """
    return float(1 - _TAIL ** (1 / count))
