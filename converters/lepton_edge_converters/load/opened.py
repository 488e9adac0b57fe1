"""A model to convert, wherever it is: in the worker by its file, or in this process as an object."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from lepton_edge_converters.errors import LoadError
from lepton_edge_converters.facts import ModelFacts
from lepton_edge_converters.load.asked import predict, vectorize
from lepton_edge_converters.load.files import find_model, teachable_labels
from lepton_edge_converters.load.from_file import check_options, hash_path, load_file
from lepton_edge_converters.load.loaded import LoadedModel, LoadOptions, ModelFile
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.stages.cache import StageCache
from lepton_edge_converters.stages.run import run_stage
from lepton_edge_converters.worker import Progress, Worker, report_progress
from lepton_edge_runtime.card import Activation, Batch
from lepton_edge_runtime.labels import read_labels

_TEACHABLE_RANGE = (-1.0, 1.0)  # what Teachable Machine's own export code feeds: pixels / 127.5 - 1


class OpenedModel(Protocol):
    """A model that can be described, traced, and run for reference."""

    def describe(self, picture_size: tuple[int, int] | None, sample_shapes: list[tuple[int, ...]]) -> ModelFacts:
        """Return what is known of it."""
        ...

    def trace(
        self,
        facts: ModelFacts,
        folder: Path,
        *,
        batch: Batch = 1,
        unroll: bool = False,
        left_out: Activation | None = None,
    ) -> bool:
        """Write it as a SavedModel of one frozen function; return whether it has loops; see ``load.trace``."""
        ...

    def predict(self, facts: ModelFacts, samples: StoredSamples, progress: Progress) -> list[NDArray[Any]]:
        """Return its answers, one array an output."""
        ...

    def vectorize(self, texts: list[str]) -> NDArray[Any]:
        """Return what its own TextVectorization makes of texts: n × the input's shape."""
        ...

    def file(self, folder: Path) -> ModelFile:
        """Return a file that holds it, for what makes another model of it; ``folder`` takes what must be written."""
        ...


def open_for_conversion(
    model: Any,
    worker: Worker,
    options: LoadOptions,
    custom_objects: Mapping[str, Any],
    cache: StageCache | None = None,
) -> OpenedModel:
    """Return a model given as a path or as a Keras object.

    A file that is made of ``custom_objects`` is loaded in this process: they may be defined in the script that
    calls, where the worker could not find them. What a model made of the user's own code gives is never taken from
    the cache: that code may change, and everything that is known of the model stay the same.

    Raises:
        LoadError: It is neither.
    """
    if isinstance(model, str | Path):
        path = Path(model).resolve()
        check_options(find_model(path), options)  # before anything slow: a wrong file is told at once
        if custom_objects:
            return ModelHere(load_file(path, options, custom_objects), hash_path(path), custom_objects)
        return _ModelInWorker(path, worker, options, None if options.custom else cache)
    return ModelHere(as_loaded(model), "", custom_objects)


class _ModelInWorker:
    """A file that the worker loads: this process needs no TensorFlow."""

    def __init__(self, path: Path, worker: Worker, options: LoadOptions, cache: StageCache | None) -> None:
        self._path = path
        self._model = path, options
        self._where = worker, cache

    def describe(self, picture_size: tuple[int, int] | None, sample_shapes: list[tuple[int, ...]]) -> ModelFacts:
        job = "load.opened:describe_file"
        # The labels of a Teachable Machine export lie beside its model.
        beside = (teachable_labels(self._path),)
        return run_stage(*self._where, job, *self._model, picture_size, sample_shapes, gives=ModelFacts, also=beside)

    def trace(
        self,
        facts: ModelFacts,
        folder: Path,
        *,
        batch: Batch = 1,
        unroll: bool = False,
        left_out: Activation | None = None,
    ) -> bool:
        asked = *self._model, facts, folder, batch, unroll, left_out
        return run_stage(*self._where, "load.opened:trace_file", *asked, gives=bool, makes=folder)

    def predict(self, facts: ModelFacts, samples: StoredSamples, progress: Progress) -> list[NDArray[Any]]:
        job = "load.opened:predict_file"
        return run_stage(*self._where, job, *self._model, facts, samples, gives=list[NDArray[Any]], progress=progress)

    def vectorize(self, texts: list[str]) -> NDArray[Any]:
        job = "load.opened:vectorize_file"
        found = run_stage(*self._where, job, *self._model, texts, gives=list[NDArray[Any]])
        return found[0]

    def file(self, folder: Path) -> ModelFile:
        del folder  # it is a file already
        return ModelFile(*self._model, cached=self._where[1] is not None)


class ModelHere:
    """A model in this process: whoever made it has TensorFlow here already.

    Attributes:
        own: Classes and functions of the user's own that it is made of, by name; the worker might not find them.
    """

    def __init__(self, loaded: LoadedModel, sha256: str, own: Mapping[str, Any] | None = None) -> None:
        self._loaded = loaded
        self._sha256 = sha256
        self.own = dict(own or {})

    def describe(self, picture_size: tuple[int, int] | None, sample_shapes: list[tuple[int, ...]]) -> ModelFacts:
        """Return what is known of it."""
        return self._loaded.describe(sha256=self._sha256, picture_size=picture_size, sample_shapes=sample_shapes)

    def trace(
        self,
        facts: ModelFacts,
        folder: Path,
        *,
        batch: Batch = 1,
        unroll: bool = False,
        left_out: Activation | None = None,
    ) -> bool:
        """Write it as a SavedModel of one frozen function; return whether it has loops; see ``load.trace``."""
        from lepton_edge_converters.load.trace import trace  # noqa: PLC0415 - imports TensorFlow

        return trace(self._loaded, facts, folder, batch=batch, unroll=unroll, left_out=left_out)

    def predict(self, facts: ModelFacts, samples: StoredSamples, progress: Progress) -> list[NDArray[Any]]:
        """Return its answers, one array an output."""
        return predict(self._loaded, facts, samples, progress)

    def vectorize(self, texts: list[str]) -> NDArray[Any]:
        """Return what its own TextVectorization makes of texts: n × the input's shape."""
        return vectorize(self._loaded, texts)

    @property
    def keras(self) -> Any:
        """Return the Keras 3 model, whose layers can be changed."""
        model = getattr(self._loaded, "model", None)
        if model is None or type(self._loaded).__name__ != "Keras3Model":
            kind = "a SavedModel" if model is None else "a Keras 2 model"
            raise LoadError(f"{kind} has no layers that could be changed here; save it with Keras 3, as NAME.keras")
        return model

    def refuse_texts(self) -> None:
        """Raise LoadError if a TextVectorization was split off: a Keras model made of the rest would not have it."""
        if getattr(self._loaded, "vectorizer", None) is not None:
            raise LoadError(
                "the model begins with TextVectorization, which a pruned Keras model would not have any more; prune "
                "while converting (convert --params, --speedup), or the part of the model that takes numbers"
            )

    def file(self, folder: Path) -> ModelFile:
        """Return a file that holds it, written into ``folder``."""
        model = getattr(self._loaded, "model", None)
        if model is None:
            raise LoadError("a SavedModel has no layers that could be changed; convert the model it was made from")
        path = folder / "opened.keras"
        model.save(path)
        # The code in it is here already, so whoever gave the model trusts it.
        return ModelFile(path, LoadOptions(trust=True), cached=False)


def opened_here(model: Any, custom_objects: Mapping[str, Any]) -> ModelHere:
    """Return a model in this process: a Keras object, or the model of a file, loaded here.

    Raises:
        LoadError: It is neither.
    """
    if isinstance(model, str | Path):
        path = Path(model).resolve()
        return ModelHere(load_file(path, LoadOptions(), custom_objects), hash_path(path), custom_objects)
    return ModelHere(as_loaded(model), "", custom_objects)


def load_keras3(path: Path, options: LoadOptions) -> Any:
    """Return the Keras 3 model of a file.

    Raises:
        LoadError: It holds one of Keras 2, or none whose layers can be changed.
    """
    return ModelHere(loaded_once(path, options), "").keras


def refuse_texts(path: Path, options: LoadOptions) -> None:
    """Raise LoadError if the model in a file takes texts, before another Keras model is made of it; in the worker."""
    ModelHere(loaded_once(path, options), "").refuse_texts()


def describe_file(
    path: Path,
    options: LoadOptions,
    picture_size: tuple[int, int] | None,
    sample_shapes: list[tuple[int, ...]],
) -> ModelFacts:
    """Describe the model in a file; runs in the worker."""
    loaded = loaded_once(path, options)
    facts = loaded.describe(sha256=hash_path(path), picture_size=picture_size, sample_shapes=sample_shapes)
    labels = teachable_labels(path)
    if labels is None:
        return facts
    note = (
        f"{path.name} is a Teachable Machine export: its labels are those of {labels.name}, "
        "and pictures go from -1 to 1"
    )
    return replace(facts, labels=read_labels(labels), picture_range=_TEACHABLE_RANGE, notes=(*facts.notes, note))


def trace_file(
    path: Path,
    options: LoadOptions,
    facts: ModelFacts,
    folder: Path,
    batch: Batch,
    unroll: bool,  # noqa: FBT001 - a job takes positions
    left_out: Activation | None,
) -> bool:
    """Trace the model in a file; runs in the worker."""
    from lepton_edge_converters.load.trace import trace  # noqa: PLC0415 - imports TensorFlow

    return trace(loaded_once(path, options), facts, folder, batch=batch, unroll=unroll, left_out=left_out)


def predict_file(path: Path, options: LoadOptions, facts: ModelFacts, samples: StoredSamples) -> list[NDArray[Any]]:
    """Run the model in a file; runs in the worker."""
    return predict(loaded_once(path, options), facts, samples, report_progress)


def vectorize_file(path: Path, options: LoadOptions, texts: list[str]) -> list[NDArray[Any]]:
    """Run the first layer of the model in a file; runs in the worker."""
    return [vectorize(loaded_once(path, options), texts)]


def as_loaded(model: Any) -> LoadedModel:
    """Return a Keras object of either version, told by the package that its class comes from."""
    homes = {base.__module__.partition(".")[0] for base in type(model).__mro__ if base.__name__ == "Model"}
    if "keras" in homes:
        from lepton_edge_converters.load.keras3 import Keras3Model  # noqa: PLC0415 - imports TensorFlow

        return Keras3Model(model)
    if "tf_keras" in homes:
        from lepton_edge_converters.load.keras2 import Keras2Model  # noqa: PLC0415 - imports TensorFlow

        return Keras2Model(model)
    raise LoadError(
        "a model is a .keras or .h5 file, a SavedModel folder, or a Keras model in memory; "
        f"got {type(model).__module__}.{type(model).__name__}"
    )


@cache
def loaded_once(path: Path, options: LoadOptions) -> LoadedModel:
    """Load once for all jobs of this worker; a new worker loads again."""
    return load_file(path, options, {})
