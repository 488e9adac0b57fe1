"""One training: its epochs, the best of them, and where a run goes on that another one began."""

from collections.abc import Callable, Iterator
from math import isfinite
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from lepton_edge_converters.errors import TrainingError
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.stages.digest import digest
from lepton_edge_converters.train import Training
from lepton_edge_converters.training import checkpoint
from lepton_edge_converters.training.augment import flip_and_shift
from lepton_edge_converters.training.batches import Batch, Feed
from lepton_edge_converters.training.checkpoint import Arrays, State
from lepton_edge_converters.training.findings import Epoch, Reason, Recovery, best
from lepton_edge_converters.training.lesson import Lesson
from lepton_edge_converters.training.score import to_epoch
from lepton_edge_converters.training.student import Student
from lepton_edge_converters.worker import Progress


class Course:
    """From the model as it is to the best that it becomes.

    Args:
        model: As ``recover`` takes it.
        samples: Likewise.
        training: Likewise.
        lesson: What there is to learn.
        teach: What the teacher answers to a batch, where pictures are moved; ``None`` where its answers are stored.
        progress: As ``recover`` takes it.
    """

    def __init__(
        self,
        model: Any,
        samples: StoredSamples,
        training: Training,
        lesson: Lesson,
        teach: Callable[[Any], Any] | None,
        progress: Progress,
    ) -> None:
        self._rows = lesson.rows
        self._feed = Feed(samples, min(training.batch_size, len(self._rows.calibration)))
        self._batches = -(-len(self._rows.calibration) // self._feed.batch_size)
        self._training = training
        self._lesson = lesson
        self._teach = teach
        self._progress = progress
        self._student = Student(model, lesson.goal, training, training.epochs * self._batches)
        self._best: Arrays = self._student.weights
        self._history = [self._judged(None, "judging the model before training")]
        self._begin = monotonic()
        self._store: Callable[[State], None] | None = None
        before = self._history[0].held_out_loss
        if not isfinite(before):
            raise TrainingError(
                f"the held-out loss before training is {before}: the model is broken, or the samples hold numbers that "
                "it cannot take"
            )

    def known_by(self, samples: StoredSamples) -> dict[str, str]:
        """Return what tells this training from others; how the model answers stands for its architecture."""
        settings = {name: getattr(self._training, name) for name in self._training.__struct_fields__}
        settings.pop("max_minutes")  # whoever gives a training more time goes on with it
        taught = self._lesson.taught
        return {
            "model": digest(self._best, self._history[0].held_out_loss),
            "samples": digest(samples.fingerprint(), samples.preprocess),
            "settings": digest(settings, self._lesson.goal.kinds),
            "teacher": taught.sha256 if taught else "",
        }

    def keep(self, path: Path, made_of: dict[str, str]) -> None:
        """Go on from the state at ``path``, if there is one, and store it there after each epoch."""
        self._store = lambda state: checkpoint.write(path, made_of, state)
        found = checkpoint.read(path, made_of)
        if found is not None:
            self._history, self._best = found.history, found.best
            self._begin = monotonic() - found.seconds
            self._student.resume(found.variables, found.optimizer)

    def run(self) -> Recovery:
        """Run the epochs that are left."""
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
        if self._store is not None and len(losses) == self._batches:
            self._store(State(self._history, monotonic() - self._begin, *self._student.state(), self._best))

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
        return self._teach(batch.tensors) if self._teach is not None else self._lesson.answers(batch)

    def _judged(self, loss: float | None, what: str) -> Epoch:
        scores, done = [], 0
        for batch in self._feed.in_order(self._rows.judged):
            scores.append(self._student.judge(batch.tensors, self._lesson.labels(batch), self._lesson.answers(batch)))
            done += len(batch.rows)
            self._progress(what, done, len(self._rows.judged))
        return to_epoch(scores, loss)

    def _refuse_broken(self, loss: float, what: str) -> None:
        if not isfinite(loss):
            raise TrainingError(
                f"the {what} is {loss}: the model has its best weights back; try a learning_rate smaller than "
                f"{self._training.learning_rate:g}"
            )
