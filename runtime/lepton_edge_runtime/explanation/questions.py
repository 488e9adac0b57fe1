"""What is asked of a model while parts of its picture are hidden: one number of its outputs, by its task."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.boxes import overlap
from lepton_edge_runtime.card import Card
from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.results import Detection, Detections, Embedding, Origin, Timing
from lepton_edge_runtime.tasks import Limits, make_decoder
from lepton_edge_runtime.tasks.classify import class_count, class_scores
from lepton_edge_runtime.tensors import dequantize
from lepton_edge_runtime.wire import nearest

Outputs = Sequence[NDArray[Any]]
"""What an engine gives: as stored, in the card's order."""

Target = str | int | None
"""A class by its name or number; ``None`` for the one that the model is surest of."""

_NOBODY = Origin("", Timing(0, 0))
_WEAK = 0.01
"""Least score of a box while parts are hidden: far below what counts as found, since it is its fall that counts."""


@dataclass(frozen=True, slots=True)
class Question:
    """One number of a model's outputs.

    Attributes:
        ask: Returns it.
        about: What it is about, for people: the class, or ``embedding``.
        class_id: The class's number; ``None`` of an embedding.
        box: The box that it is about, in pixels of the input; ``None`` where there is none.
    """

    ask: Callable[[Outputs], float]
    about: str
    class_id: int | None = None
    box: tuple[float, float, float, float] | None = None


def pose_question(card: Card, outputs: Outputs, target: Target, which: int = 1) -> Question:
    """Return the question that explains a model's answer to a picture of which nothing is hidden.

    Args:
        card: Of the model.
        outputs: What it answers to the whole picture.
        target: What to explain.
        which: Of several boxes of the class: 1 for the surest.

    Raises:
        InputError: There is no such class, nothing of it was found, or the task has no score to explain.
    """
    if card.task not in _QUESTIONS:
        raise InputError(
            f"there is no score to explain of the task {card.task!r}; there is of: {', '.join(_QUESTIONS)}"
        )
    if which != 1 and card.task != "detect":
        raise InputError(f"which is for boxes, and the task is {card.task!r}")
    return _QUESTIONS[card.task](card, outputs, target, which)


def ask_the_same(card: Card, outputs: Outputs, question: Question) -> Question:
    """Return a question to another file of the same model: about the same class, the same box, or its own embedding.

    Args:
        card: Of that file.
        outputs: What it answers to the whole picture.
        question: As it was asked before.
    """
    if question.class_id is not None and question.box is not None:
        return _about_box(card, Detection(question.box, question.class_id, question.about, 0.0))
    return pose_question(card, outputs, question.class_id)


def _score_of_class(card: Card, outputs: Outputs, target: Target, which: int) -> Question:
    del which
    make_decoder(card)  # which refuses a card that does not fit the task
    end = card.outputs[0]

    def scores(given: Outputs) -> NDArray[np.float32]:
        return class_scores(dequantize(given[0].reshape(-1), end.tensor), end)

    count = class_count(end)
    labels = card.labels or tuple(map(str, range(count)))
    index = int(scores(outputs).argmax()) if target is None else class_number(target, labels)
    return Question(lambda given: float(scores(given)[index]), labels[index], index)


def _score_of_box(card: Card, outputs: Outputs, target: Target, which: int) -> Question:
    """Source: V. Petsiuk et al., "Black-box Explanation of Object Detectors via Saliency Maps" (D-RISE), CVPR 2021."""
    found = make_decoder(card)(outputs, None, _NOBODY)
    assert isinstance(found, Detections)  # noqa: S101 - what the task 'detect' answers
    wanted = list(found)
    if target is not None:
        number = class_number(target, card.labels)
        wanted = [one for one in found if one.class_id == number]
    if not 1 <= which <= len(wanted):
        kind = "box" if target is None else f"box of {target!r}"
        listed = ", ".join(dict.fromkeys(found.labels)) or "nothing"
        raise InputError(f"there is no {kind} number {which} in this picture: {len(wanted)} found; in all: {listed}")
    return _about_box(card, wanted[which - 1])


def _about_box(card: Card, chosen: Detection) -> Question:
    decode = make_decoder(card, Limits(min_score=_WEAK))

    def ask(given: Outputs) -> float:
        boxes = decode(given, None, _NOBODY)
        assert isinstance(boxes, Detections)  # noqa: S101 - as above
        same = boxes.class_id == chosen.class_id
        if not same.any():
            return 0.0
        return float((boxes.score[same] * overlap(boxes.xyxy[same], np.array([chosen.box]))[:, 0]).max())

    return Question(ask, chosen.label, chosen.class_id, chosen.box)


def _likeness(card: Card, outputs: Outputs, target: Target, which: int) -> Question:
    del which
    if target is not None:
        raise InputError(f"an embedding has no classes, and the target {target!r} was given")
    decode = make_decoder(card)
    whole = decode(outputs, None, _NOBODY)
    assert isinstance(whole, Embedding)  # noqa: S101 - what the task 'embed' answers

    def ask(given: Outputs) -> float:
        vector = decode(given, None, _NOBODY)
        assert isinstance(vector, Embedding)  # noqa: S101 - as above
        return whole.similarity(vector)

    return Question(ask, "embedding")


def class_number(target: str | int, labels: Sequence[str]) -> int:
    """Return the number of a class that is given by its name, or else by its number.

    Raises:
        InputError: There is no such class.
    """
    if isinstance(target, str) and target in labels:
        return labels.index(target)
    if isinstance(target, int) or target.isdecimal():
        number = int(target)
        if number < 0 or (labels and number >= len(labels)):
            raise InputError(f"there is no class {number}; there are 0 to {len(labels) - 1}")
        return number
    hint = nearest(target, list(labels)) if labels else "; the classes have no names here: give its number"
    raise InputError(f"there is no class {target!r}{hint}")


_QUESTIONS = {"classify": _score_of_class, "detect": _score_of_box, "embed": _likeness}

TASKS_WITH_A_SCORE = tuple(_QUESTIONS)
"""Of which an answer can be explained."""
