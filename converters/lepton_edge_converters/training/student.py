"""A model while it learns: its compiled steps, and all of its state."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lepton_edge_converters.train import Training
from lepton_edge_converters.training.checkpoint import Arrays
from lepton_edge_converters.training.goal import Goal, accuracy
from lepton_edge_converters.training.lesson import answers_of
from lepton_edge_converters.training.score import Score

_HALF = "float16"


class Student:
    """A model that is trained in place, by an optimizer of its own: how the user compiled it is left alone.

    Args:
        model: Functional or Sequential. What is frozen stays so; losses of its own count.
        goal: What is made small.
        training: How.
        steps: In all epochs together: the learning rate has fallen to zero after these.
    """

    def __init__(self, model: Any, goal: Goal, training: Training, steps: int) -> None:
        self._model = model
        self._goal = goal
        self._optimizer = _optimizer(model, training, steps)
        self._optimizer.build(model.trainable_variables)
        self._step = tf.function(self._learn)
        self._measure = tf.function(self._judge, reduce_retracing=True)
        _seed_layers(model, training.seed)

    def learn(self, tensors: list[Any], targets: Any | None, taught: Any | None) -> float:
        """Take one step on a batch, and return its loss, which does not count what the model adds to it."""
        return float(self._step(tensors, targets, taught))

    def _learn(self, tensors: list[Any], targets: Any | None, taught: list[Any] | None) -> Any:
        with tf.GradientTape() as tape:
            answers = answers_of(self._model, tensors, self._goal.kinds, training=True)
            loss = self._goal.loss(answers, targets, taught)
            own = [tf.cast(one, tf.float32) for one in self._model.losses]
            whole = self._optimizer.scale_loss(tf.add_n([loss, *own]))
        variables = self._model.trainable_variables
        found = zip(tape.gradient(whole, variables), variables, strict=True)
        # What leads to no output, and to no loss of the model's own, has no gradient.
        self._optimizer.apply_gradients([(gradient, variable) for gradient, variable in found if gradient is not None])
        return loss

    def judge(self, tensors: list[Any], targets: Any | None, taught: Any | None) -> Score:
        """Return how the model answers a batch, as it does in use."""
        loss, agreements, accurate = self._measure(tensors, targets, taught)
        return Score(
            len(tensors[0]),
            float(loss),
            np.array([float(one) for one in agreements]),
            None if accurate is None else float(accurate),
        )

    def _judge(self, tensors: list[Any], targets: Any | None, taught: list[Any] | None) -> Any:
        answers = answers_of(self._model, tensors, self._goal.kinds, training=False)
        agreements = [] if taught is None else self._goal.agreements(answers, taught)
        return (
            self._goal.loss(answers, targets, taught),
            agreements,
            None if targets is None else accuracy(answers, targets),
        )

    @property
    def weights(self) -> Arrays:
        """A copy of what the model answers by."""
        return _copied(self._model.weights)

    @weights.setter
    def weights(self, arrays: Arrays) -> None:
        _assign(self._model.weights, arrays)

    def state(self) -> tuple[Arrays, Arrays]:
        """Return copies of all variables: the model's, with how often it has drawn by lot, and the optimizer's."""
        return _copied(self._model.variables), _copied(self._optimizer.variables)

    def resume(self, variables: Arrays, optimizer: Arrays) -> None:
        """Go back to a state."""
        _assign(self._model.variables, variables)
        _assign(self._optimizer.variables, optimizer)


def _optimizer(model: Any, training: Training, steps: int) -> Any:
    rising = round(training.warmup * steps)
    highest = training.learning_rate
    schedule = keras.optimizers.schedules
    # The first step is one too: it is not taken at a rate of zero.
    rate = (
        schedule.CosineDecay(highest / (rising + 1), steps - rising, warmup_target=highest, warmup_steps=rising)
        if rising
        else schedule.CosineDecay(highest, steps)
    )
    optimizer = keras.optimizers.Adam(rate)
    half = any(layer.compute_dtype == _HALF for layer in model._flatten_layers())  # noqa: SLF001 - the only way into nested models
    # Gradients of 16 bits would be lost below 6e-8.
    return keras.optimizers.LossScaleOptimizer(optimizer) if half else optimizer


def _seed_layers(model: Any, seed: int) -> None:
    """Let the layers that draw by lot begin at the seed: a loaded model begins anywhere."""
    weights = {id(variable) for variable in model.weights}
    drawn = [variable for variable in model.variables if id(variable) not in weights]
    for i, variable in enumerate(drawn):
        first = np.random.default_rng([seed, i]).integers(1 << 31, size=variable.shape)
        variable.assign(first.astype(variable.dtype))


def _copied(variables: list[Any]) -> Arrays:
    return [np.array(variable.numpy()) for variable in variables]


def _assign(variables: list[Any], arrays: Arrays) -> None:
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
