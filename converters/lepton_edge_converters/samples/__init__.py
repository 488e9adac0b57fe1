"""Samples: pictures or arrays, with or without class labels, as the model takes them."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.preprocess import Preprocess

_STORED_AT_ONCE = 64
Progress = Callable[[str, int, int], None]


class SampleSet(Protocol):
    """Samples that are known, but not all in memory.

    Attributes:
        count: How many there are.
        targets: Class index of each, ``int64``; ``None`` without labels.
        labels: Names of the classes, where the samples tell them.
        origin: Where they came from, for people.
    """

    count: int
    targets: NDArray[np.int64] | None
    labels: tuple[str, ...]
    origin: str

    def load(self, indices: Sequence[int]) -> list[NDArray[Any]]:
        """Return one array an input: ``uint8`` pictures at the model's size and colour, or model-ready numbers."""
        ...

    def name(self, index: int) -> str:
        """Return what a sample is called: its file, or its number."""
        ...


@dataclass(frozen=True, slots=True)
class StoredSamples:
    """Chosen samples on disk, one ``.npy`` an input: the worker maps them into its memory.

    Attributes:
        paths: One file an input.
        preprocess: For the inputs whose file holds ``uint8`` pictures; ``None`` for model-ready numbers.
        targets: Class index of each sample, if known.
        names: What each sample is called.
    """

    paths: tuple[Path, ...]
    preprocess: tuple[Preprocess | None, ...]
    targets: NDArray[np.int64] | None = None
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.array(0))

    def array(self, index: int) -> NDArray[Any]:
        """Return one input's samples, mapped, not read: n × the input's shape."""
        array: NDArray[Any] = np.load(self.paths[index], mmap_mode="r")
        return array

    def real(self, start: int, stop: int) -> list[NDArray[Any]]:
        """Return samples ``start`` to ``stop`` as the original model takes them, one array an input."""
        return self._real(slice(start, stop))

    def picked(self, indices: NDArray[np.int64]) -> list[NDArray[Any]]:
        """Return the samples with these numbers as the original model takes them, one array an input."""
        return self._real(indices)

    def _real(self, which: slice | NDArray[np.int64]) -> list[NDArray[Any]]:
        batch = []
        for i, preprocess in enumerate(self.preprocess):
            part = np.asarray(self.array(i)[which])
            batch.append(part if preprocess is None else preprocess.to_real(part))
        return batch

    def extremes(self) -> list[tuple[float, float]]:
        """Return the least and largest value of each input's samples."""
        arrays = [self.array(i) for i in range(len(self.paths))]
        return [(float(array.min()), float(array.max())) for array in arrays]

    def fingerprint(self) -> str:
        """Return the SHA-256 of all values, shapes and targets."""
        digest = hashlib.sha256()
        for i in range(len(self.paths)):
            array = self.array(i)
            digest.update(f"{array.dtype}{array.shape}".encode())
            for start in range(0, len(array), 64):
                digest.update(np.ascontiguousarray(array[start : start + 64]).tobytes())
        if self.targets is not None:
            digest.update(self.targets.tobytes())
        return digest.hexdigest()


def store(
    samples: SampleSet,
    indices: NDArray[np.int64],
    preprocess: tuple[Preprocess | None, ...],
    folder: Path,
    name: str,
    progress: Progress = lambda _what, _done, _total: None,
) -> StoredSamples:
    """Write the chosen samples into ``folder``, a few at a time, and return them."""
    files: list[NDArray[Any]] = []
    paths = [folder / f"{name}_{i}.npy" for i in range(len(preprocess))]
    for start in range(0, len(indices), _STORED_AT_ONCE):
        part = samples.load([int(i) for i in indices[start : start + _STORED_AT_ONCE]])
        if not files:
            files = [
                np.lib.format.open_memmap(path, mode="w+", dtype=array.dtype, shape=(len(indices), *array.shape[1:]))
                for path, array in zip(paths, part, strict=True)
            ]
        for file, array in zip(files, part, strict=True):
            file[start : start + len(array)] = array
        progress("reading the samples", min(start + _STORED_AT_ONCE, len(indices)), len(indices))
    # An input that takes pictures may still be given model-ready numbers.
    used = tuple(p if file.dtype == np.uint8 else None for p, file in zip(preprocess, files, strict=True))
    for file in files:
        file.flush()  # type: ignore[attr-defined]  # a memmap
    targets = samples.targets[indices] if samples.targets is not None else None
    return StoredSamples(tuple(paths), used, targets, tuple(samples.name(int(i)) for i in indices))


def numbered(index: int) -> str:
    """Return what a sample without a name of its own is called."""
    return f"sample {index}"
