"""Classification: one row of class scores, the best first."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.card import Card, OutputCard
from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.plan import Placement
from lepton_edge_runtime.results import Classes, Origin
from lepton_edge_runtime.tasks import Decode, Limits
from lepton_edge_runtime.tasks.scores import sigmoid, softmax
from lepton_edge_runtime.tensors import dequantize


def class_count(output: OutputCard) -> int:
    """Return how many classes an output tells apart; a single number, a sigmoid's or a score, tells two."""
    count = output.tensor.shape[-1] if output.tensor.shape else 1
    return 2 if count == 1 and output.activation in ("sigmoid", "logits") else count


def class_scores(real: NDArray[Any], output: OutputCard) -> NDArray[np.float32]:
    """Return the score of each class: … × classes, ``float32``.

    Args:
        real: … × outputs, the output's real numbers.
        output: Says what they are.
    """
    real = real.astype(np.float32, copy=False)
    if output.activation == "logits":
        with np.errstate(over="ignore", invalid="ignore"):  # far from 0 a power is infinite, and its share 0 or 1
            return _probabilities(real)
    if output.activation == "sigmoid-logits":
        return sigmoid(real)
    if class_count(output) != real.shape[-1]:
        return np.concatenate([1 - real, real], axis=-1)
    return real


def _probabilities(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    if logits.shape[-1] == 1:
        ones = sigmoid(logits)
        return np.concatenate([1 - ones, ones], axis=-1)
    return softmax(logits)


class Classify:
    """Decodes one output of shape 1 × classes. Equal scores are told apart by the lower index.

    Several classes with independent probabilities (``sigmoid``, ``sigmoid-logits``) do not exclude each other: there a
    least score, if one is asked for, leaves out those below it, and the result may be empty.
    """

    def __init__(self, card: Card, limits: Limits) -> None:
        if len(card.outputs) != 1:
            raise BundleError(f"the task 'classify' has one output, and this model has {len(card.outputs)}")
        self._output = card.outputs[0]
        count = class_count(self._output)
        shape = self._output.tensor.shape
        if prod(shape) != (shape[-1] if shape else 0):
            raise BundleError(f"the task 'classify' has one row of scores, and this model's output is {shape}")
        if card.labels and len(card.labels) != count:
            raise BundleError(f"there are {len(card.labels)} labels for {count} classes")
        self._labels = card.labels or tuple(map(str, range(count)))
        self._top = min(limits.top, count)
        several = self._output.activation in ("sigmoid", "sigmoid-logits") and prod(shape) > 1
        self._least = np.float32(limits.min_score or 0) if several else None
        # Scaled integers rank as their real numbers do, so only the survivors are dequantized.
        self._integers = self._output.tensor.quant is not None and self._output.activation == "softmax"

    def __call__(self, outputs: Sequence[NDArray[Any]], placement: Placement | None, origin: Origin) -> Classes:
        """Return the best classes."""
        del placement  # a class has no place
        stored = outputs[0].reshape(-1)
        ranked = stored if self._integers else class_scores(dequantize(stored, self._output.tensor), self._output)
        best = _best(ranked, self._top)
        score = dequantize(ranked[best], self._output.tensor) if self._integers else ranked[best]
        if self._least is not None:
            best, score = best[score >= self._least], score[score >= self._least]
        return Classes(best, score, tuple([self._labels[i] for i in best]), origin)


def _best(values: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Return the indices of the largest values, largest first, the lower index first among equals."""
    if count == 1:
        return np.array([values.argmax()])
    if values.dtype.itemsize == 1:
        # Reversed and negated so that the stable sort of 8-bit integers, a radix sort, ranks them.
        return np.argsort(~values, kind="stable")[:count]
    return np.argsort(-values, kind="stable")[:count]


def make(card: Card, limits: Limits) -> Decode:
    """Return the decoder for a card."""
    return Classify(card, limits)
