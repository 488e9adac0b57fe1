"""Plain numbers: how much of what tells samples apart is kept, and how near the numbers lie."""

from collections.abc import Sequence
from math import nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.metrics import Scoring
from lepton_edge_runtime.card import Card

_VARIES_MIN = 1e-12  # share of the power that is spread; below, the outputs are a constant


def determination(reference: Sequence[NDArray[Any]], answers: Sequence[NDArray[Any]], card: Card) -> Scoring:
    """Return R², the worst output's: 1 - squared error / squared distance of the reference from its mean.

    All numbers of an output count together, each with its own mean over all samples. Source: S. Wright, "Correlation
    and causation", Journal of Agricultural Research 20 (1921).
    """
    del card  # numbers are numbers
    pairs = [_flat(*pair) for pair in zip(reference, answers, strict=True)]
    errors = [((one - other) ** 2).sum(axis=1) for one, other in pairs]
    spreads = [((one - one.mean(axis=0)) ** 2).sum(axis=1) for one, _ in pairs]
    powers = [(one**2).sum() for one, _ in pairs]
    varying = [spread.sum() > _VARIES_MIN * power for spread, power in zip(spreads, powers, strict=True)]

    def scoring(weights: NDArray[np.float64]) -> float:
        numbers = [
            1 - _ratio(weights @ error, weights @ spread)
            for error, spread, varies in zip(errors, spreads, varying, strict=True)
            if varies
        ]
        # numpy's minimum: a number that is none counts as the worst.
        return float(np.min(numbers)) if numbers else nan

    return scoring


def closeness(reference: Sequence[NDArray[Any]], answers: Sequence[NDArray[Any]], card: Card) -> Scoring:
    """Return 1 - the relative error, the worst output's: the error's Euclidean length over the reference's."""
    del card  # numbers are numbers
    pairs = [_flat(*pair) for pair in zip(reference, answers, strict=True)]
    errors = [((one - other) ** 2).sum(axis=1) for one, other in pairs]
    powers = [(one**2).sum(axis=1) for one, _ in pairs]

    def scoring(weights: NDArray[np.float64]) -> float:
        ratios = [_ratio(weights @ error, weights @ power) for error, power in zip(errors, powers, strict=True)]
        return 1 - sqrt(np.max(ratios))

    return scoring


def _flat(reference: NDArray[Any], answers: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    count = len(reference)
    return (np.asarray(reference, np.float64).reshape(count, -1), np.asarray(answers, np.float64).reshape(count, -1))


def _ratio(part: float, whole: float) -> float:
    """Return part / whole, where nothing of nothing is nothing and something of nothing no number."""
    if whole > 0:
        return float(part / whole)
    return 0.0 if part == 0 else nan
