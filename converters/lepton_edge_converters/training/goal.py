"""What is learned: labels, a teacher's answers, or both, as one number a batch.

Class scores are compared as logits, whatever the model ends in: of a softmax its own logits where the traced graph
shows them, else the logarithms of its probabilities, which differ from them by a constant that no softmax sees. How
they are distilled is after Hinton et al., Distilling the Knowledge in a Neural Network, 2015, section 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import keras
import tensorflow as tf

from lepton_edge_converters.errors import TrainingError
from lepton_edge_converters.load.describe import activation_of
from lepton_edge_converters.load.keras3 import last_operations

Kind = Literal["softmax", "sigmoid", "logits", "values"]

_TINY = 1e-7  # added to probabilities whose logits are not to be had: their gradients stay bounded


def output_kinds(model: Any, *, labelled: bool) -> tuple[Kind, ...]:
    """Return what the numbers of each output are, as far as what it ends in tells.

    Where samples have labels, an only output of several numbers has a score for each class, unless classes may overlap.
    """
    outputs = keras.tree.flatten(model.outputs)
    last = last_operations(model, len(outputs))
    kinds = tuple(_kind(operation, output.shape) for operation, output in zip(last, outputs, strict=True))
    scored = labelled and kinds == ("values",) and activation_of(last[0]) != "sigmoid"
    return ("logits",) if scored and len(outputs[0].shape) == 2 and (outputs[0].shape[-1] or 0) > 1 else kinds


def refuse_kinds(kinds: Sequence[Kind], model: Any) -> None:
    """Raise TrainingError where the model's outputs cannot be of these kinds."""
    outputs = keras.tree.flatten(model.outputs)
    if len(kinds) != len(outputs):
        raise TrainingError(f"{len(kinds)} kinds were given for the model's {len(outputs)} outputs: {tuple(kinds)}")
    for kind, output in zip(kinds, outputs, strict=True):
        if kind not in get_args(Kind):
            raise TrainingError(f"there is no kind of output {kind!r}; there are: {', '.join(get_args(Kind))}")
        if (kind in ("softmax", "logits") and output.shape[-1] == 1) or (kind == "sigmoid" and output.shape[-1] != 1):
            raise TrainingError(
                f"an output of shape {tuple(output.shape[1:])} is no {kind}: one has one number, two more"
            )


def _kind(operation: Any, shape: tuple[int | None, ...]) -> Kind:
    activation, last = activation_of(operation), shape[-1] or 0
    if activation == "softmax" and last > 1 and getattr(operation, "axis", -1) in (-1, len(shape) - 1):
        return "softmax"
    return "sigmoid" if activation == "sigmoid" and last == 1 else "values"


def scores(output: Any, kind: Kind) -> Any:
    """Return an output in ``float32``: logits of two or more classes on the last axis, or values as they are."""
    if kind in ("logits", "values"):
        return tf.cast(output, tf.float32)
    logits = _before(output, kind.capitalize())
    if kind == "softmax":
        return tf.math.log(tf.cast(output, tf.float32) + _TINY) if logits is None else logits
    if logits is None:
        chance = tf.cast(output, tf.float32)
        logits = tf.math.log(chance + _TINY) - tf.math.log(1 - chance + _TINY)
    return tf.concat([tf.zeros_like(logits), logits], axis=-1)


def _before(output: Any, activation: str) -> Any | None:
    """Return what an activation was made of, in a traced graph that ends in it: it has not been rounded to 0 or 1."""
    made_by = None if tf.executing_eagerly() else output.op
    return tf.cast(made_by.inputs[0], tf.float32) if made_by is not None and made_by.type == activation else None


@dataclass(frozen=True, slots=True)
class Goal:
    """What is learned.

    Attributes:
        kinds: Of the outputs.
        labelled: Share of the loss that is about labels, 0 to 1; the rest is about the teacher.
        temperature: What distilled scores are divided by.
        scales: Variance of the teacher's values over the samples, one an output; 1 for classes.
    """

    kinds: tuple[Kind, ...]
    labelled: float
    temperature: float
    scales: tuple[float, ...]

    def loss(self, answers: Sequence[Any], targets: Any | None, taught: Sequence[Any] | None) -> Any:
        """Return the mean loss of a batch, given ``scores`` of the model's outputs and of the teacher's."""
        loss = tf.zeros(())
        if self.labelled > 0:
            crosses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, answers[0])
            loss += self.labelled * tf.reduce_mean(crosses)
        if self.labelled < 1:
            ends = zip(answers, taught or (), self.kinds, self.scales, strict=True)
            distances = [self._distance(*one) for one in ends]
            loss += (1 - self.labelled) * tf.add_n(distances) / len(distances)
        return loss

    def _distance(self, answer: Any, taught: Any, kind: Kind, scale: float) -> Any:
        if kind == "values":
            return tf.reduce_mean(tf.math.squared_difference(answer, taught)) / scale
        ours, theirs = (tf.nn.log_softmax(one / self.temperature) for one in (answer, taught))
        divergence = tf.reduce_sum(tf.exp(theirs) * (theirs - ours), axis=-1)
        # Gradients of softened scores are smaller by the square of the temperature.
        return tf.reduce_mean(divergence) * self.temperature**2

    def agreements(self, answers: Sequence[Any], taught: Sequence[Any] | None) -> list[Any]:
        """Return, for each output that decides, the share of decisions that are the teacher's."""
        pairs = zip(answers, taught or answers, self.kinds, strict=True)
        return [_equal(tf.argmax(one, -1), tf.argmax(other, -1)) for one, other, kind in pairs if kind != "values"]


def accuracy(answers: Sequence[Any], targets: Any) -> Any:
    """Return the share of samples of which the only output decides the label."""
    return _equal(tf.argmax(answers[0], -1), targets)


def _equal(one: Any, other: Any) -> Any:
    return tf.reduce_mean(tf.cast(tf.equal(one, other), tf.float32))
