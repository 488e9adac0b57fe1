"""The samples that a converted file answers otherwise than the original model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.details.thumbnails import thumbnail
from lepton_edge_converters.gates.judge import Judgement
from lepton_edge_converters.gates.likeness import decisions
from lepton_edge_converters.preparation import Plan
from lepton_edge_converters.report.disagreement import Disagreement, Disagreements
from lepton_edge_converters.samples import numbered
from lepton_edge_runtime.card import Card
from lepton_edge_runtime.results import ClassScore
from lepton_edge_runtime.tasks.classify import class_scores

_SHOWN_MAX = 24


def find_disagreements(plan: Plan, judgements: Sequence[Judgement], *, images: bool) -> Disagreements | None:
    """Return the judged samples on which a file decides otherwise than the original; ``None`` if nothing is decided.

    Args:
        plan: Has the samples and the original's answers.
        judgements: Of the files that ship.
        images: Whether to take the pictures along.
    """
    card = judgements[0].artefact.original
    expected = decisions(plan.reference, card)
    if expected is None:
        return None
    decided = {one.artefact.title: one.decided for one in judgements if one.decided is not None}
    unlike = np.any([one != expected for one in decided.values()], axis=0)
    scores = _scores(plan.reference, card)
    chosen = _most_telling(np.flatnonzero(unlike), expected, scores, plan.judged.targets)
    answers = {one.artefact.title: _scores(one.outputs, card) for one in judgements}
    shown = tuple(
        Disagreement(
            sample=int(i),
            name=plan.judged.names[i] if plan.judged.names else numbered(int(i)),
            target=_label(card, int(plan.judged.targets[i])) if plan.judged.targets is not None else None,
            original=_answer(card, scores[i], int(expected[i])),
            answers={title: _answer(card, answers[title][i], int(decided[title][i])) for title in decided},
            picture=thumbnail(plan.judged, plan.preprocess, int(i)) if images else b"",
        )
        for i in chosen[:_SHOWN_MAX]
    )
    return Disagreements(len(expected), int(unlike.sum()), shown)


def _scores(real: Sequence[NDArray[Any]], card: Card) -> NDArray[np.float32]:
    return class_scores(np.asarray(real[0]).reshape(len(real[0]), -1), card.outputs[0])


def _most_telling(
    samples: NDArray[np.int64],
    expected: NDArray[np.int64],
    scores: NDArray[np.float32],
    targets: NDArray[np.int64] | None,
) -> NDArray[np.int64]:
    """Return the samples that the original has right first, and among those the ones it was surest of."""
    was_right = np.zeros(len(expected), bool) if targets is None else expected == targets
    sureness = scores[np.arange(len(expected)), expected]
    return samples[np.lexsort((-sureness[samples], ~was_right[samples]))]


def _answer(card: Card, scores: NDArray[np.float32], decided: int) -> ClassScore:
    return ClassScore(decided, _label(card, decided), float(scores[decided]))


def _label(card: Card, index: int) -> str:
    return card.labels[index] if card.labels else str(index)
