"""Tasks decode tensors into results. They know no engine; a new one is a module and a row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

from numpy.typing import NDArray

from lepton_edge_runtime.card import Card
from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.plan import Placement
from lepton_edge_runtime.results import Origin, Result
from lepton_edge_runtime.tasks.limits import Limits
from lepton_edge_runtime.wire import nearest

__all__ = ["NO_LIMITS", "TASKS", "Decode", "Limits", "Task", "TaskModule", "make_decoder"]


class Decode(Protocol):
    """One task, made for one card."""

    def __call__(self, outputs: Sequence[NDArray[Any]], placement: Placement | None, origin: Origin) -> Result:
        """Return the result that the outputs, as stored and in the card's order, stand for."""
        ...


class TaskModule(Protocol):
    """What a task's module offers."""

    def make(self, card: Card, limits: Limits) -> Decode:
        """Return the decoder for a card, or raise BundleError if the card does not fit the task."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """A row of ``TASKS``: the module in this package that decodes, and what it answers, for people."""

    module: str
    answers: str


TASKS: Mapping[str, Task] = {
    "classify": Task(module="classify", answers="the best classes, with scores"),
    "detect": Task(module="detect", answers="boxes with scores and classes, in pixels of the picture"),
    "segment": Task(module="segment", answers="what each pixel is, or which pixels each thing covers"),
    "pose": Task(module="pose", answers="key points of bodies, hands or faces, in pixels of the picture"),
    "embed": Task(module="embed", answers="one vector of length 1"),
    "raw": Task(module="raw", answers="every output as real numbers"),
}


NO_LIMITS = Limits()
"""What is left out where the user does not say."""


def make_decoder(card: Card, limits: Limits = NO_LIMITS) -> Decode:
    """Return the decoder that a card asks for.

    Raises:
        BundleError: There is no such task, or the card does not fit it.
    """
    if card.task not in TASKS:
        known = list(TASKS)
        raise BundleError(f"no task {card.task!r}; there are: {', '.join(known)}{nearest(card.task, known)}")
    module = cast("TaskModule", import_module(f"lepton_edge_runtime.tasks.{TASKS[card.task].module}"))
    return module.make(card, limits)
