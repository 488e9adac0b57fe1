"""How like the original an artefact answers: decisions, cosine, signal-to-noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.card import Card
from lepton_edge_runtime.tasks.classify import class_scores
from lepton_edge_runtime.tensors import dequantize


@dataclass(frozen=True, slots=True)
class Likeness:
    """The worst output's cosine, averaged over samples, and its SQNR in decibels (``inf`` if equal)."""

    cosine: float
    sqnr_db: float


def real_outputs(stored: Sequence[NDArray[Any]], card: Card) -> list[NDArray[Any]]:
    """Return an artefact's stored outputs as real numbers, in the card's order."""
    return [dequantize(array, end.tensor) for array, end in zip(stored, card.outputs, strict=True)]


def decisions(real: Sequence[NDArray[Any]], card: Card) -> NDArray[np.int64] | None:
    """Return the class decided for each sample, the lower index among equals; ``None`` if nothing is decided."""
    if card.task != "classify":
        return None
    scores = class_scores(np.asarray(real[0]).reshape(len(real[0]), -1), card.outputs[0])
    return np.asarray(scores.argmax(axis=-1))


def likeness(reference: Sequence[NDArray[Any]], answers: Sequence[NDArray[Any]]) -> Likeness:
    """Return how like the reference the answers are; both one array an output, samples first."""
    pairs = [(_flat(one), _flat(other)) for one, other in zip(reference, answers, strict=True)]
    return Likeness(min(_cosine(*pair) for pair in pairs), min(_sqnr(*pair) for pair in pairs))


def _flat(array: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(array, np.float64).reshape(len(array), -1)


def _cosine(reference: NDArray[np.float64], answers: NDArray[np.float64]) -> float:
    lengths = np.linalg.norm(reference, axis=1) * np.linalg.norm(answers, axis=1)
    # Two empty answers agree; an empty one and another do not.
    both_zero = (np.linalg.norm(reference, axis=1) == 0) & (np.linalg.norm(answers, axis=1) == 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = np.where(lengths > 0, (reference * answers).sum(axis=1) / lengths, both_zero.astype(float))
    # NaN answers are unlike anything.
    return float(np.nan_to_num(cosines, nan=0.0).mean())


def _sqnr(reference: NDArray[np.float64], answers: NDArray[np.float64]) -> float:
    noise = float(((reference - answers) ** 2).sum())
    signal = float((reference**2).sum())
    if noise == 0:
        return float("inf")
    if not np.isfinite(noise) or signal == 0:
        return -float("inf")
    return float(10 * np.log10(signal / noise))
