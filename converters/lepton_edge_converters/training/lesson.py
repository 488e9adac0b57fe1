"""What there is to learn from, and what judges: checked before the first step."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lepton_edge_converters.errors import SamplesError, TrainingError
from lepton_edge_converters.load.keras3 import packed
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.split import Split, split
from lepton_edge_converters.train import Training
from lepton_edge_converters.training.batches import Batch, Feed
from lepton_edge_converters.training.goal import Goal, Kind, output_kinds, refuse_kinds, scores
from lepton_edge_converters.training.taught import Taught, ask
from lepton_edge_converters.worker import Progress


@dataclass(frozen=True, slots=True)
class Lesson:
    """What there is to learn from.

    Attributes:
        goal: What is made small.
        rows: Samples that are learned from (``calibration``), and those that judge.
        targets: Class index of each sample, where the model's only output tells classes.
        taught: The teacher's answers to all samples, as they are on disk.
        learned_from: ``labels``, ``teacher``, or both, for people.
    """

    goal: Goal
    rows: Split
    targets: NDArray[np.int64] | None
    taught: Taught | None
    learned_from: str

    def labels(self, batch: Batch) -> NDArray[np.int64] | None:
        """Return the class of each of a batch's samples."""
        return None if self.targets is None else self.targets[batch.rows]

    def answers(self, batch: Batch) -> list[NDArray[np.float32]] | None:
        """Return the teacher's answers to a batch, one array an output."""
        return None if self.taught is None else [np.asarray(array[batch.rows]) for array in self.taught.arrays]


def make_lesson(
    model: Any,
    samples: StoredSamples,
    training: Training,
    teacher: Any | None,
    *,
    kinds: Sequence[Kind] | None,
    folder: Path,
    progress: Progress,
) -> Lesson:
    """Return what a model can learn from samples and a teacher; arguments as of ``recover``.

    Raises:
        TrainingError: It can learn nothing from them.
        SamplesError: There are too few, or labels that the model has no class for.
    """
    labelled = samples.targets is not None
    known = output_kinds(model, labelled=labelled) if kinds is None else tuple(kinds)
    refuse_kinds(known, model)
    targets = _targets(model, samples, known)
    share = 1 - training.distillation if targets is not None else 0.0
    taught = None
    if teacher is None:
        if targets is None:
            raise TrainingError(_nothing(labelled=labelled))
        share = 1.0
    else:
        _refuse_unlike(model, teacher)
        feed = Feed(samples, training.batch_size)
        taught = ask(answering(teacher, kinds), known, feed, len(samples), folder, progress)
    rows = split(len(samples), targets, holdout=training.holdout, calibration=len(samples), seed=training.seed)
    goal = Goal(known, share, training.temperature, taught.scales if taught else (1.0,) * len(known))
    return Lesson(goal, rows, targets, taught, _source(share))


def answering(model: Any, kinds: Sequence[Kind] | None) -> Any:
    """Return a compiled function: the model's ``scores`` for one array an input, one tensor an output."""
    known = output_kinds(model, labelled=False) if kinds is None else tuple(kinds)
    return tf.function(lambda tensors: answers_of(model, tensors, known, training=False), reduce_retracing=True)


def answers_of(model: Any, tensors: Any, kinds: tuple[Kind, ...], *, training: bool) -> list[Any]:
    """Return the model's ``scores`` for one tensor an input, one tensor an output."""
    outputs = keras.tree.flatten(model(packed(model, list(tensors)), training=training))
    return [scores(output, kind) for output, kind in zip(outputs, kinds, strict=True)]


def _targets(model: Any, samples: StoredSamples, kinds: tuple[Kind, ...]) -> NDArray[np.int64] | None:
    """Return the labels, where the model's only output has a score for each class."""
    if samples.targets is None or len(kinds) > 1 or kinds[0] == "values" or len(model.outputs[0].shape) != 2:
        return None
    classes = 2 if kinds[0] == "sigmoid" else model.outputs[0].shape[-1]
    low, high = samples.targets.min(), samples.targets.max()
    if low < 0 or high >= classes:
        raise SamplesError(f"the labels are classes {low} to {high}; the model knows 0 to {classes - 1}")
    return samples.targets


def _nothing(*, labelled: bool) -> str:
    why = "labels need an only output with a score for each class" if labelled else "the samples have no labels"
    return f"there is nothing to learn from: {why}, and no teacher is given; name the original model as one"


def _refuse_unlike(model: Any, teacher: Any) -> None:
    if teacher is model:
        raise TrainingError("a model cannot be its own teacher; clone it before it is changed")
    ours, theirs = ([tuple(output.shape[1:]) for output in one.outputs] for one in (model, teacher))
    if ours != theirs:
        raise TrainingError(f"the teacher's outputs are of shape {theirs}, the model's of {ours}: they must be alike")


def _source(labelled: float) -> str:
    return {0.0: "teacher", 1.0: "labels"}.get(labelled, "labels and teacher")
