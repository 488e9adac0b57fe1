"""What a sparse model learns by: the original's answers, or labels; as losses of tf_keras."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Loss = Literal["distribution", "shares", "numbers", "class", "class scores", "yes or no"]
"""What an output is compared with: probabilities of one of several classes, of each for itself, other numbers; or
labels, with probabilities, with scores, with a single probability."""


def losses(kinds: tuple[Loss, ...], answers: list[NDArray[Any]]) -> list[Any]:
    """Return one loss an output, each a function of what it should be and what it is."""
    return [_loss(kind, target) for kind, target in zip(kinds, answers, strict=True)]


def _loss(kind: Loss, answers: NDArray[Any]) -> Any:
    import tf_keras  # noqa: PLC0415 - seconds; only in the process that trains

    if kind in ("class", "class scores"):
        return tf_keras.losses.SparseCategoricalCrossentropy(from_logits=kind == "class scores")
    if kind == "distribution":
        return tf_keras.losses.KLDivergence()
    if kind in ("shares", "yes or no"):
        return tf_keras.losses.BinaryCrossentropy()
    # In units of what the numbers vary by, so that the same steps suit degrees and millimetres.
    variance = float(np.var(answers, dtype=np.float64)) or 1.0
    error = tf_keras.losses.MeanSquaredError()
    return lambda target, output: error(target, output) / variance
