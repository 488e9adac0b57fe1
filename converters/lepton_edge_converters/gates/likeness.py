"""How like the original an artefact answers: decisions, cosine, signal-to-noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.card import Card, OutputCard
from lepton_edge_runtime.tasks.classify import class_scores

_SPREAD_SHARE_MIN = 1e-6  # below, the outputs do not depend on the samples: one sample, or a constant


@dataclass(frozen=True, slots=True)
class Likeness:
    """How like the worst output is.

    Attributes:
        cosine: Averaged over samples.
        sqnr_db: Power of the reference over that of the error, in decibels; ``inf`` if equal.
        spread_db: The same with the reference's mean over the samples taken away: what tells samples apart.
    """

    cosine: float
    sqnr_db: float
    spread_db: float


def decisions(real: Sequence[NDArray[Any]], card: Card) -> NDArray[np.int64] | None:
    """Return the class decided for each sample, the lower index among equals; ``None`` if nothing is decided."""
    if card.task != "classify":
        return None
    return decide(real[0], card.outputs[0])


def decide(real: NDArray[Any], output: OutputCard) -> NDArray[np.int64]:
    """Return the class that a classifier's output, samples first, decides for each: the lower index among equals."""
    scores = class_scores(np.asarray(real).reshape(len(real), -1), output)
    return np.asarray(scores.argmax(axis=-1))


def likeness(
    reference: Sequence[NDArray[Any]], answers: Sequence[NDArray[Any]], ends: Sequence[OutputCard] = ()
) -> Likeness:
    """Return how like the reference the answers are; both one array an output, samples first.

    Args:
        reference: What should be answered.
        answers: What is.
        ends: What the outputs are, where that is known: one share that stands for two classes points nowhere by itself
            (0.001 and 0 have no angle), so the shares of both are compared.
    """
    pairs = [(_flat(one), _flat(other)) for one, other in zip(reference, answers, strict=True)]
    shares = [end.activation == "sigmoid" for end in ends] or [False] * len(pairs)
    return Likeness(
        min(_cosine(*map(_both, pair) if share else pair) for pair, share in zip(pairs, shares, strict=True)),
        min(_ratio_db(*pair, pair[0]) for pair in pairs),
        min(_ratio_db(*pair, _spread(pair[0])) for pair in pairs),
    )


def _flat(array: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(array, np.float64).reshape(len(array), -1)


def _both(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the shares of both classes where one number stands for two; several are left as they are."""
    return shares if shares.shape[1] != 1 else np.concatenate([1 - shares, shares], axis=1)


def _cosine(reference: NDArray[np.float64], answers: NDArray[np.float64]) -> float:
    lengths = np.linalg.norm(reference, axis=1) * np.linalg.norm(answers, axis=1)
    # Two empty answers agree; an empty one and another do not.
    both_zero = (np.linalg.norm(reference, axis=1) == 0) & (np.linalg.norm(answers, axis=1) == 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = np.where(lengths > 0, (reference * answers).sum(axis=1) / lengths, both_zero.astype(float))
    # NaN answers are unlike anything.
    return float(np.nan_to_num(cosines, nan=0.0).mean())


def _spread(reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the reference without its mean over the samples; as it is where that leaves nothing to measure."""
    spread = reference - reference.mean(axis=0)
    return spread if (spread**2).sum() > _SPREAD_SHARE_MIN * (reference**2).sum() else reference


def _ratio_db(reference: NDArray[np.float64], answers: NDArray[np.float64], signal: NDArray[np.float64]) -> float:
    return ratio_db(float((signal**2).sum()), float(((reference - answers) ** 2).sum()))


def ratio_db(power: float, noise: float) -> float:
    """Return a power over that of its noise, in decibels: ``inf`` without noise, ``-inf`` without a signal."""
    if noise == 0:
        return float("inf")
    if not np.isfinite(noise) or power == 0:
        return -float("inf")
    return float(10 * np.log10(power / noise))
