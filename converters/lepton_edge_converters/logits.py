"""The activation that a classifier ends in, where its files leave it to the runtime's decoder."""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import LoadError
from lepton_edge_runtime.card import Activation
from lepton_edge_runtime.tasks.scores import sigmoid, softmax
from lepton_edge_runtime.tensors import TensorSpec

_APPLY = {"softmax": softmax, "sigmoid": sigmoid}


def left_out(task: str, activation: Activation, output: TensorSpec) -> tuple[Activation, str]:
    """Return which activation a model's files leave out where they shall end in logits, and what is told of it.

    Args:
        task: Row of ``TASKS``.
        activation: What the numbers of its first output are.
        output: That output.

    Raises:
        LoadError: There is none to leave out, or nobody would apply it.
    """
    if task != "classify":
        raise LoadError(
            f"logits are for classifiers, whose decoder applies what is left out; the task is {task!r} (--no-logits)"
        )
    if activation not in _APPLY:
        known = "logits already" if activation == "logits" else "plain numbers"
        raise LoadError(
            f"the output {output.name!r} is {known}: there is no softmax or sigmoid to leave out (--no-logits)"
        )
    if activation == "softmax" and prod(output.shape) == 1:
        raise LoadError(
            f"the softmax of {output.name!r} is one number, which is 1 whatever stands before it (--no-logits)"
        )
    note = (
        f"the files end in logits: the {activation} of {output.name!r} is left to the runtime's decoder, and answers "
        "are compared behind it"
    )
    return activation, note


def before(activation: Activation, output: TensorSpec) -> Activation:
    """Return what a card says of the numbers before an activation: a decoder applies it."""
    return "sigmoid-logits" if activation == "sigmoid" and prod(output.shape) > 1 else "logits"


def behind(activation: Activation, logits: NDArray[Any]) -> NDArray[np.float32]:
    """Return what an activation makes of logits, samples first."""
    with np.errstate(over="ignore", invalid="ignore"):  # numbers that are none stay so, and a gate tells of them
        return _APPLY[activation](np.asarray(logits, np.float32))
