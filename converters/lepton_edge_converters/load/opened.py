"""A loaded model, wherever it is: in the worker by its file, or in this process as an object."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import LoadError
from lepton_edge_converters.facts import ModelFacts
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.worker import Progress, Worker, report_progress

_BATCH = 32


class OpenedModel(Protocol):
    """A model that can be described, traced, and run for reference."""

    def describe(self, picture_size: tuple[int, int] | None, sample_shapes: list[tuple[int, ...]]) -> ModelFacts:
        """Return what is known of it."""
        ...

    def trace(self, facts: ModelFacts, folder: Path) -> None:
        """Write it as a SavedModel of one frozen function with batch 1."""
        ...

    def predict(self, facts: ModelFacts, samples: StoredSamples, progress: Progress) -> list[NDArray[Any]]:
        """Return its answers, one array an output."""
        ...


def open_for_conversion(model: Any, worker: Worker) -> OpenedModel:
    """Return a model given as a path or as a Keras object.

    Raises:
        LoadError: It is neither.
    """
    if isinstance(model, str | Path):
        return _ModelInWorker(Path(model).resolve(), worker)
    if not any(base.__module__.startswith("keras") and base.__name__ == "Model" for base in type(model).__mro__):
        raise LoadError(
            f"a model is a .keras file or a Keras 3 model; got {type(model).__module__}.{type(model).__name__}"
        )
    return _ModelInMemory(model)


class _ModelInWorker:
    """A file that the worker loads: this process needs no TensorFlow."""

    def __init__(self, path: Path, worker: Worker) -> None:
        self._path = path
        self._worker = worker

    def describe(self, picture_size: tuple[int, int] | None, sample_shapes: list[tuple[int, ...]]) -> ModelFacts:
        return self._job("describe_file", self._path, picture_size, sample_shapes)  # type: ignore[no-any-return]  # the job's own type

    def trace(self, facts: ModelFacts, folder: Path) -> None:
        self._job("trace_file", self._path, facts, folder)

    def predict(self, facts: ModelFacts, samples: StoredSamples, progress: Progress) -> list[NDArray[Any]]:
        return self._job("predict_file", self._path, facts, samples, progress=progress)  # type: ignore[no-any-return]  # the job's own type

    def _job(self, job: str, *arguments: Any, progress: Progress | None = None) -> Any:
        return self._worker.call(f"lepton_edge_converters.load.opened:{job}", *arguments, progress=progress)


class _ModelInMemory:
    """A Keras object: whoever made it has TensorFlow in this process already."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def describe(self, picture_size: tuple[int, int] | None, sample_shapes: list[tuple[int, ...]]) -> ModelFacts:
        from lepton_edge_converters.load.describe import describe  # noqa: PLC0415 - imports TensorFlow

        return describe(self._model, sha256="", picture_size=picture_size, sample_shapes=sample_shapes)

    def trace(self, facts: ModelFacts, folder: Path) -> None:
        from lepton_edge_converters.load.trace import trace  # noqa: PLC0415 - imports TensorFlow

        trace(self._model, facts, folder)

    def predict(self, facts: ModelFacts, samples: StoredSamples, progress: Progress) -> list[NDArray[Any]]:
        return _predict(self._model, facts, samples, progress)


def describe_file(path: Path, picture_size: tuple[int, int] | None, sample_shapes: list[tuple[int, ...]]) -> ModelFacts:
    """Describe the model in a file; runs in the worker."""
    from lepton_edge_converters.load.describe import describe  # noqa: PLC0415 - imports TensorFlow

    model = _loaded(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return describe(model, sha256=sha256, picture_size=picture_size, sample_shapes=sample_shapes)


def trace_file(path: Path, facts: ModelFacts, folder: Path) -> None:
    """Trace the model in a file; runs in the worker."""
    from lepton_edge_converters.load.trace import trace  # noqa: PLC0415 - imports TensorFlow

    trace(_loaded(path), facts, folder)


def predict_file(path: Path, facts: ModelFacts, samples: StoredSamples) -> list[NDArray[Any]]:
    """Run the model in a file; runs in the worker."""
    return _predict(_loaded(path), facts, samples, report_progress)


@cache
def _loaded(path: Path) -> Any:
    """Load once for all jobs of this worker; a new worker loads again."""
    from lepton_edge_converters.load import keras  # noqa: PLC0415 - imports TensorFlow

    return keras.load_model(path)


def _predict(model: Any, facts: ModelFacts, samples: StoredSamples, progress: Progress) -> list[NDArray[Any]]:
    from lepton_edge_converters.load import keras  # noqa: PLC0415 - imports TensorFlow

    count = len(samples)
    parts = []
    for start in range(0, count, _BATCH):
        parts.append(keras.predict(model, samples.real(start, start + _BATCH), facts))
        progress("answers of the original model", min(start + _BATCH, count), count)
    return [np.concatenate([part[i] for part in parts]) for i in range(len(facts.outputs))]
