"""recover(): a model trained until it answers as before."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lepton_edge_converters.errors import TrainingError
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.train import Training
from lepton_edge_converters.training.course import Course
from lepton_edge_converters.training.determinism import deterministic
from lepton_edge_converters.training.findings import Recovery
from lepton_edge_converters.training.goal import Kind
from lepton_edge_converters.training.lesson import answering, make_lesson
from lepton_edge_converters.worker import Progress, report_progress

_CHECKPOINT = "training.npz"


def recover(
    model: Any,
    samples: StoredSamples,
    training: Training,
    *,
    teacher: Any | None = None,
    kinds: Sequence[Kind] | None = None,
    checkpoint: Path | None = None,
    progress: Progress = report_progress,
) -> Recovery:
    """Train a Keras 3 model in place until it answers held-out samples no better, and return how it went.

    It learns from labels where the samples have them and its only output has a score for each class, from the
    teacher's answers where there is one, or from both: classes are distilled by their softened scores, other outputs
    by their squared distance in units of the teacher's variance. It is left with the weights of the epoch whose
    held-out loss was least, those from before training included, also when an error or Ctrl-C ends it. Equal
    arguments give equal weights, to the bit on one machine; TensorFlow is deterministic meanwhile, for all threads.

    Args:
        model: Functional or Sequential, batch size free. How it was compiled is neither used nor changed; frozen
            layers, regularizers, constraints and mixed precision are as its author had them.
        samples: As ``convert`` stores them.
        training: How.
        teacher: A model of the same outputs, usually the one before it was changed; its answers are asked once, or
            for each batch where pictures are augmented.
        kinds: What the numbers of each output of model and teacher are: ``softmax`` or ``sigmoid`` probabilities,
            ``logits``, or other ``values``. By default what the last layers tell; an only linear output has a score
            for each class where the samples have labels, and values elsewhere.
        checkpoint: A folder of this training's own. Its state is written there after each epoch, and a run that finds
            one goes on after it: given the same model, samples, teacher and settings (but ``max_minutes``), it ends
            with the very weights of a run that was not interrupted. One of a finished training gives its result.
        progress: Called with what is being done, how much is done, and how much there is, for each batch.

    Raises:
        TrainingError: There is nothing to learn from, or to train; a loss is no number; the checkpoint is of another
            training, or cannot be read or written.
        SamplesError: There are too few samples, or labels that the model has no class for.
    """
    refuse_untrainable(model, samples, training)
    if teacher is not None:
        _refuse_open(teacher, "teacher")
    try:
        with deterministic(), _folder(checkpoint) as folder:
            lesson = make_lesson(model, samples, training, teacher, kinds=kinds, folder=folder, progress=progress)
            moving = teacher is not None and training.augment != "none"
            teach = answering(teacher, kinds) if moving else None
            course = Course(model, samples, training, lesson, teach, progress)
            if checkpoint is not None:
                course.keep(checkpoint / _CHECKPOINT, course.known_by(samples))
            return course.run()
    finally:
        # What traced calls leave there is no number outside of them.
        model._clear_losses()  # noqa: SLF001 - as Keras does before each call


def refuse_untrainable(model: Any, samples: StoredSamples, training: Training) -> None:
    """Raise TrainingError where ``recover`` could do nothing for a model, by what can be told without running it."""
    _refuse_open(model, "model")
    if not model.trainable_variables:
        raise TrainingError(f"nothing to train: every layer of {model.name!r} is frozen (trainable=False)")
    if training.augment != "none" and not any(samples.preprocess):
        raise TrainingError(f"augment {training.augment!r} moves pictures, and these samples are ready-made numbers")


def _refuse_open(model: Any, role: str) -> None:
    """Refuse a model whose ends are not known, or that takes batches of one size only."""
    if not getattr(model, "outputs", None):
        raise TrainingError(f"the {role} is neither a functional model nor a Sequential one that is built")
    batch = model.inputs[0].shape[0]
    if batch is not None:
        raise TrainingError(f"the {role} is fixed to batches of {batch}; build it with a batch size of None")


@contextmanager
def _folder(checkpoint: Path | None) -> Iterator[Path]:
    """Yield the checkpoint's folder, or one that is gone afterwards."""
    if checkpoint is None:
        with TemporaryDirectory(prefix="lepton-edge-training-") as folder:
            yield Path(folder)
        return
    try:
        checkpoint.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise TrainingError(f"cannot make the folder {checkpoint}: {problem.strerror or problem}") from problem
    yield checkpoint
