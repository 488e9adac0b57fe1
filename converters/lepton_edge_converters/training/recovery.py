"""A model trained again: epochs, the best of them kept, and a run that goes on where another one ended."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import numpy as np

from lepton_edge_converters.errors import TrainingError
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.stages.digest import digest
from lepton_edge_converters.train import Training
from lepton_edge_converters.training import checkpoint as files
from lepton_edge_converters.training.augment import flip_and_shift
from lepton_edge_converters.training.batches import Batch, Feed
from lepton_edge_converters.training.checkpoint import Arrays, State
from lepton_edge_converters.training.determinism import deterministic
from lepton_edge_converters.training.findings import Epoch, Reason, Recovery, best
from lepton_edge_converters.training.lesson import Lesson, answering, make_lesson
from lepton_edge_converters.training.score import to_epoch
from lepton_edge_converters.training.student import Student
from lepton_edge_converters.worker import Progress, report_progress

_CHECKPOINT = "training.npz"


def recover(
    model: Any,
    samples: StoredSamples,
    training: Training,
    *,
    teacher: Any | None = None,
    classes: bool | None = None,
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
        classes: Whether an only output without softmax or sigmoid has a score for each class; by default where the
            samples have labels.
        checkpoint: A folder of this training's own. Its state is written there after each epoch, and a run that finds
            one goes on after it: given the same model, samples, teacher and settings (but ``max_minutes``), it ends
            with the very weights of a run that was not interrupted. One of a finished training gives its result.
        progress: Called with what is being done, how much is done, and how much there is, for each batch.

    Raises:
        TrainingError: There is nothing to learn from, or to train; a loss is no number; the checkpoint is of another
            training, or cannot be read or written.
        SamplesError: There are too few samples, or labels that the model has no class for.
    """
    _refuse_unusable(model, training, samples)
    with deterministic(), _folder(checkpoint) as folder:
        lesson = make_lesson(model, samples, training, teacher, classes=classes, folder=folder, progress=progress)
        course = _Course(model, samples, training, lesson, progress)
        if training.augment != "none" and teacher is not None:
            course.teach = answering(teacher)
        if checkpoint is not None:
            known = course.known_by(samples, classes=classes)
            course.keep(checkpoint / _CHECKPOINT, known)
        return course.run()


class _Course:
    """One training, from the model as it is to the best that it became."""

    def __init__(
        self, model: Any, samples: StoredSamples, training: Training, lesson: Lesson, progress: Progress
    ) -> None:
        self._rows = lesson.rows
        self._feed = Feed(samples, min(training.batch_size, len(self._rows.calibration)))
        self._batches = -(-len(self._rows.calibration) // self._feed.batch_size)
        self._training = training
        self._lesson = lesson
        self._progress = progress
        self._student = Student(model, lesson.goal, training, training.epochs * self._batches)
        self.teach: Callable[[Any], Any] | None = None
        self._best: Arrays = self._student.weights
        self._history = [self._judged(None, "judging the model before training")]
        self._spent = 0.0
        self._write: Callable[[State], None] | None = None
        if not isfinite(self._history[0].held_out_loss):
            raise TrainingError(
                f"the model's answers to held-out samples have a loss of {self._history[0].held_out_loss}: it is broken, "
                "or the samples hold numbers that it cannot take"
            )

    def known_by(self, samples: StoredSamples, *, classes: bool | None) -> dict[str, str]:
        """Return what tells this training from others; how the model answers stands for its architecture."""
        taught = self._lesson.taught
        # Whoever gives a training more time goes on with it.
        settings = {name: getattr(self._training, name) for name in self._training.__struct_fields__}
        settings.pop("max_minutes")
        return {
            "model": digest(self._best, self._history[0].held_out_loss),
            "samples": samples.fingerprint(),
            "settings": digest(settings, classes),
            "teacher": taught.sha256 if taught else "",
        }

    def keep(self, path: Path, made_of: dict[str, str]) -> None:
        """Go on from the state at ``path``, if there is one, and store it there after each epoch."""
        self._write = lambda state: files.write(path, made_of, state)
        found = files.read(path, made_of)
        if found is not None:
            self._history, self._spent, self._best = found.history, found.seconds, found.best
            self._student.resume(found.variables, found.optimizer)

    def run(self) -> Recovery:
        """Run the epochs that are left."""
        self._begin = monotonic() - self._spent
        try:
            while (reason := self._finished()) is None:
                self._run_epoch()
        finally:
            self._student.weights = self._best
        return Recovery(
            tuple(self._history),
            best(self._history),
            self._lesson.learned_from,
            len(self._rows.calibration),
            len(self._rows.judged),
            reason,
            monotonic() - self._begin,
        )

    def _finished(self) -> Reason | None:
        epochs = len(self._history) - 1
        if epochs >= self._training.epochs:
            return "epochs"
        if epochs - best(self._history) >= self._training.patience:
            return "patience"
        return "minutes" if self._out_of_time() else None

    def _out_of_time(self) -> bool:
        return monotonic() - self._begin > 60 * self._training.max_minutes

    def _run_epoch(self) -> None:
        epoch = len(self._history)
        losses = list(self._learn(epoch))
        self._history.append(self._judged(float(np.mean(losses)), f"judging epoch {epoch} of {self._training.epochs}"))
        self._refuse_broken(self._history[-1].held_out_loss, f"held-out loss after epoch {epoch}")
        if best(self._history) == epoch:
            self._best = self._student.weights
        # What was cut short is not stored: with more time, that epoch is run anew, and wholly.
        if self._write is not None and len(losses) == self._batches:
            state = State(self._history, monotonic() - self._begin, *self._student.state(), self._best)
            self._write(state)

    def _learn(self, epoch: int) -> Iterator[float]:
        """Yield the loss of each step of an epoch."""
        change = flip_and_shift if self._training.augment == "flip+shift" else None
        total = 0.0
        batches = self._feed.shuffled(self._rows.calibration, [self._training.seed, epoch], change)
        for done, batch in enumerate(batches, 1):
            loss = self._student.learn(batch.tensors, self._lesson.labels(batch), self._taught(batch))
            self._refuse_broken(loss, f"loss of batch {done} in epoch {epoch}")
            total += loss
            what = f"training, epoch {epoch} of {self._training.epochs}: loss {total / done:.3g}"
            self._progress(what, done, self._batches)
            yield loss
            if self._out_of_time():
                return

    def _taught(self, batch: Batch) -> Any | None:
        return self.teach(batch.tensors) if self.teach is not None else self._lesson.answers(batch)

    def _judged(self, loss: float | None, what: str) -> Epoch:
        scores, done = [], 0
        for batch in self._feed.in_order(self._rows.judged):
            scores.append(
                self._student.judge(batch.tensors, self._lesson.labels(batch), self._lesson.answers(batch))
            )
            done += len(batch.rows)
            self._progress(what, done, len(self._rows.judged))
        return to_epoch(scores, loss)

    def _refuse_broken(self, loss: float, what: str) -> None:
        if not isfinite(loss):
            raise TrainingError(
                f"the {what} is {loss}: the model has its best weights back; try a learning_rate smaller than "
                f"{self._training.learning_rate:g}"
            )


def _refuse_unusable(model: Any, training: Training, samples: StoredSamples) -> None:
    """Refuse models whose ends are not known, and changes that no input bears."""
    if not getattr(model, "outputs", None):
        raise TrainingError("only functional and Sequential models are trained again, Sequential ones once they are built")
    batch = model.inputs[0].shape[0]
    if batch is not None:
        raise TrainingError(f"the model is fixed to batches of {batch}; build it with a batch size of None")
    if training.augment != "none" and not any(samples.preprocess):
        raise TrainingError(f"augment {training.augment!r} moves pictures, and these samples are ready-made numbers")


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
