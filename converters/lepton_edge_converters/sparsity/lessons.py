"""What a sparse model learns by: the original's answers, or labels; as losses of tf_keras."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Loss = Literal["distribution", "shares", "numbers", "class", "class scores", "yes or no"]
"""What an output is compared with: probabilities of one of several classes, of each for itself, other numbers; or
labels, with probabilities, with scores, with a single probability."""


def losses(kinds: tuple[Loss, ...], answers: list[NDArray[Any]]) -> list[Callable[[Any, Any], Any]]:
    """Return one loss an output, for outputs and what they should be."""
    return [_loss(kind, target) for kind, target in zip(kinds, answers, strict=True)]


def _loss(kind: Loss, answers: NDArray[Any]) -> Callable[[Any, Any], Any]:
    import tf_keras  # noqa: PLC0415 - seconds; only in the process that trains

    if kind == "class":
        return _as_function(tf_keras.losses.SparseCategoricalCrossentropy())
    if kind == "class scores":
        return _as_function(tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    if kind == "distribution":
        return _as_function(tf_keras.losses.KLDivergence())
    if kind in ("shares", "yes or no"):
        return _as_function(tf_keras.losses.BinaryCrossentropy())
    # In units of what the numbers vary by, so that the same steps suit degrees and millimetres.
    variance = float(np.var(answers, dtype=np.float64)) or 1.0
    error = tf_keras.losses.MeanSquaredError()
    return lambda target, output: error(target, output) / variance


def _as_function(loss: Any) -> Callable[[Any, Any], Any]:
    return lambda target, output: loss(target, output)
