"""Batches of stored samples as the model takes them: read when they are needed, one ahead."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.samples import StoredSamples

Rows = NDArray[np.int64]
Change = Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]
Pixels = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some samples.

    Attributes:
        rows: Which they are.
        tensors: One array an input, samples first.
    """

    rows: Rows
    tensors: list[NDArray[Any]]


class Feed:
    """Stored samples, batch by batch.

    Args:
        samples: On disk; only the batch at hand and the next one are in memory.
        batch_size: Samples a batch.
    """

    def __init__(self, samples: StoredSamples, batch_size: int) -> None:
        self._arrays = [samples.array(i) for i in range(len(samples.paths))]
        self._preprocess = samples.preprocess
        self.batch_size = batch_size

    def in_order(self, rows: Rows) -> Iterator[Batch]:
        """Yield the samples of these rows as they come; the last batch has what is left."""
        return self._read(rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size))

    def shuffled(self, rows: Rows, seeds: list[int], change: Change | None = None) -> Iterator[Batch]:
        """Yield all of these rows in the order that the seeds give, in batches of one size.

        The last batch is filled up with the first rows of the order: a smaller one would have other statistics, and
        another graph.

        Args:
            rows: Which samples.
            seeds: The same seeds give the same order and the same changes.
            change: What is done to the pixels of pictures.
        """
        count = -(-len(rows) // self.batch_size) * self.batch_size
        order = np.resize(np.random.default_rng(seeds).permutation(rows), count).reshape(-1, self.batch_size)
        return self._read(order, None if change is None else lambda i: _seeded(change, [*seeds, i]))

    def _read(self, batches: Iterable[Rows], change: Callable[[int], Pixels] | None = None) -> Iterator[Batch]:
        """Yield the batches, the next one being read meanwhile."""
        waiting: Future[Batch] | None = None
        with ThreadPoolExecutor(1, "lepton-edge-batches") as reader:
            for i, rows in enumerate(batches):
                following = reader.submit(self._batch, rows, change(i) if change else _unchanged)
                if waiting is not None:
                    yield waiting.result()
                waiting = following
            if waiting is not None:
                yield waiting.result()

    def _batch(self, rows: Rows, change: Pixels) -> Batch:
        tensors = []
        for array, preprocess in zip(self._arrays, self._preprocess, strict=True):
            part = np.asarray(array[rows])
            tensors.append(part if preprocess is None else preprocess.to_real(change(part)))
        return Batch(rows, tensors)


def _seeded(change: Change, seeds: list[int]) -> Pixels:
    """Return the change with numbers of its own: all inputs of a sample are changed alike, in whatever order."""
    return lambda pixels: change(pixels, np.random.default_rng(seeds))


def _unchanged(pixels: NDArray[Any]) -> NDArray[Any]:
    return pixels
