"""A teacher's answers to all samples: asked once, kept on disk."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import TrainingError
from lepton_edge_converters.training.batches import Feed
from lepton_edge_converters.training.goal import Kind
from lepton_edge_converters.worker import Progress

_SPREAD_SHARE_MIN = 1e-6  # below, a teacher's values do not depend on the samples


@dataclass(frozen=True, slots=True)
class Taught:
    """What the teacher answers.

    Attributes:
        arrays: One an output, samples first: ``scores`` in ``float32``, mapped, not read.
        scales: Variance of each output's values over the samples; 1 for classes.
        sha256: Of all answers.
    """

    arrays: tuple[NDArray[np.float32], ...]
    scales: tuple[float, ...]
    sha256: str


def ask(
    teacher: Callable[[list[NDArray[Any]]], list[Any]],
    kinds: tuple[Kind, ...],
    feed: Feed,
    count: int,
    folder: Path,
    progress: Progress,
) -> Taught:
    """Write the teacher's answers to samples 0 to ``count`` into ``folder``, and return them.

    Raises:
        TrainingError: One of them is no number.
    """
    digest, spreads = hashlib.sha256(), [_Spread() for _ in kinds]
    paths = [folder / f"taught_{i}.npy" for i in range(len(kinds))]
    files: list[NDArray[np.float32]] = []
    for batch, answers in _answers(teacher, feed, count):
        files = files or [
            np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(count, *answer.shape[1:]))
            for path, answer in zip(paths, answers, strict=True)
        ]
        for file, answer, spread in zip(files, answers, spreads, strict=True):
            _refuse_broken(batch, answer)
            file[batch] = answer
            digest.update(answer.tobytes())
            spread.add(answer)
        progress("asking the teacher", int(batch[-1]) + 1, count)
    scales = tuple(1.0 if kind != "values" else spread.scale() for kind, spread in zip(kinds, spreads, strict=True))
    for file in files:
        file.flush()  # type: ignore[attr-defined]  # a memmap
    return Taught(tuple(np.load(path, mmap_mode="r") for path in paths), scales, digest.hexdigest())


def _answers(
    teacher: Callable[[list[NDArray[Any]]], list[Any]], feed: Feed, count: int
) -> Iterator[tuple[NDArray[np.int64], list[NDArray[np.float32]]]]:
    for batch in feed.in_order(np.arange(count)):
        yield batch.rows, [np.asarray(answer) for answer in teacher(batch.tensors)]


def _refuse_broken(rows: NDArray[np.int64], answers: NDArray[np.float32]) -> None:
    broken = ~np.isfinite(answers).reshape(len(answers), -1).all(axis=1)
    if broken.any():
        raise TrainingError(f"the teacher's answer to sample {rows[broken.argmax()]} is no number")


class _Spread:
    """Sums over samples of one output's numbers, place by place."""

    def __init__(self) -> None:
        self._count = 0
        self._mean: NDArray[np.float64] = np.zeros(())
        self._squares: NDArray[np.float64] = np.zeros(())

    def add(self, answers: NDArray[np.float32]) -> None:
        """Take in a batch; Chan's update, which does not lose small spreads around large means."""
        wide, count = answers.astype(np.float64), len(answers)
        shift = wide.mean(axis=0) - self._mean
        self._squares = self._squares + wide.var(axis=0) * count
        self._squares = self._squares + shift**2 * self._count * count / (self._count + count)
        self._mean = self._mean + shift * count / (self._count + count)
        self._count += count

    def scale(self) -> float:
        """Return the mean variance; of numbers that do not depend on the samples their mean square, or 1."""
        variance, square = float(self._squares.mean()) / self._count, float((self._mean**2).mean())
        if variance > _SPREAD_SHARE_MIN * square:
            return variance
        return square or 1.0
