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
from lepton_edge_runtime.wire import nearest


class Decode(Protocol):
    """One task, made for one card."""

    def __call__(self, outputs: Sequence[NDArray[Any]], placement: Placement | None, origin: Origin) -> Result:
        """Return the result that the outputs, as stored and in the card's order, stand for."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What is left out of a result.

    Attributes:
        top: A classifier gives this many classes at most.
        min_score: A detector leaves out boxes of a lower score, 0 to 1. Classes are given whatever their score.
    """

    top: int = 5
    min_score: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no score could be compared with."""
        if self.top < 1:
            raise ValueError(f"top is 1 class or more, not {self.top}")
        if not 0 <= self.min_score <= 1:
            raise ValueError(f"min_score is a score from 0 to 1, not {self.min_score}")


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
    "raw": Task(module="raw", answers="every output as real numbers"),
}


def make_decoder(card: Card, limits: Limits = Limits()) -> Decode:
    """Return the decoder that a card asks for.

    Raises:
        BundleError: There is no such task, or the card does not fit it.
    """
    if card.task not in TASKS:
        known = list(TASKS)
        raise BundleError(f"no task {card.task!r}; there are: {', '.join(known)}{nearest(card.task, known)}")
    module = cast("TaskModule", import_module(f"lepton_edge_runtime.tasks.{TASKS[card.task].module}"))
    return module.make(card, limits)
