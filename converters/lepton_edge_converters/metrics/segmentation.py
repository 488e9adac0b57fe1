"""Masks: how much of each class's area is still where the original put it."""

from collections.abc import Sequence
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import MetricError
from lepton_edge_converters.metrics import Scoring
from lepton_edge_runtime.card import Activation, Card


def masks_kept(reference: Sequence[NDArray[Any]], answers: Sequence[NDArray[Any]], card: Card) -> Scoring:
    """Return the mean over classes of intersection over union, counted over all pixels of all samples.

    The original's masks are taken for the truth; a class that neither shows is left out. Source: M. Everingham et
    al., "The PASCAL Visual Object Classes Challenge: A Retrospective", International Journal of Computer Vision 111
    (2015), section 4.3.

    Raises:
        MetricError: No output is a map of the classes' scores.
    """
    which = next((i for i, array in enumerate(reference) if array.ndim == 4), None)
    if which is None:
        shapes = ", ".join(str(array.shape[1:]) for array in reference)
        raise MetricError(f"the metric 'miou' is for an output of height × width × classes; this model's are {shapes}")
    activation = card.outputs[which].activation
    unit = activation == "sigmoid" or bool(reference[which].min() >= 0 and reference[which].max() <= 1)
    areas = [
        _areas(one, other, activation, middle=0.5 if unit else 0.0)
        for one, other in zip(reference[which], answers[which], strict=True)
    ]
    intersections = np.array([one for one, _ in areas], np.float64)
    unions = np.array([one for _, one in areas], np.float64)

    def scoring(weights: NDArray[np.float64]) -> float:
        inside, whole = weights @ intersections, weights @ unions
        seen = whole > 0
        return float((inside[seen] / whole[seen]).mean()) if seen.any() else nan

    return scoring


def _areas(
    reference: NDArray[Any], answer: NDArray[Any], activation: Activation, *, middle: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each class's intersection and union, in pixels, of one sample: height × width × classes."""
    count = reference.shape[-1]
    if count > 1 and activation == "sigmoid":  # classes that may overlap
        one, other = reference > middle, answer > middle
        return (one & other).sum(axis=(0, 1)), (one | other).sum(axis=(0, 1))
    if count == 1:  # one score: thing or background
        one, other, count = (reference > middle).ravel(), (answer > middle).ravel(), 2
    else:
        one, other = reference.argmax(axis=-1).ravel(), answer.argmax(axis=-1).ravel()
    pairs = np.bincount(one.astype(np.int64) * count + other, minlength=count * count).reshape(count, count)
    inside = pairs.diagonal()
    return inside, pairs.sum(axis=0) + pairs.sum(axis=1) - inside
