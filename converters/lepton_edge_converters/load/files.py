"""What kind of model a path holds, told by its content: no name is trusted, and nothing is loaded.

A file that cannot be converted is refused here, with what it is and what to do about it.
"""

import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lepton_edge_converters.errors import LoadError

Kind = Literal["keras3", "keras2", "savedmodel"]

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_TEACHABLE_MODEL, _TEACHABLE_LABELS = "keras_model.h5", "labels.txt"
_PYTORCH = "is a PyTorch model; Lepton Edge converts Keras models"

# What is neither HDF5 nor zip: the first row that fits says what it is, and what to do.
_OTHER_FILES: tuple[tuple[Callable[[Path, bytes], bool], str], ...] = (
    (lambda _, head: not head, "is empty"),
    (
        lambda path, head: head[4:8] == b"TFL3" or path.suffix.lower() == ".onnx",
        (
            "is a model for devices already; make a bundle of it with 'lepton-edge adopt', "
            "or convert the Keras model that it was made from"
        ),
    ),
    (lambda path, _: path.suffix.lower() in (".pt", ".pth"), _PYTORCH),
    (
        lambda path, head: path.suffix.lower() in (".pkl", ".pickle", ".joblib") or head[:1] == b"\x80",
        "is a pickle, which is never loaded: it runs code; save the model with model.save('NAME.keras')",
    ),
    (
        lambda path, _: path.name in ("saved_model.pb", "saved_model.pbtxt"),
        "is a part of a SavedModel; give its folder",
    ),
    (
        lambda path, _: path.suffix.lower() in (".pb", ".pbtxt", ".meta"),
        (
            "is a TensorFlow 1 graph, which does not say what goes in and comes out; "
            "export it as a SavedModel with a signature, and convert that folder"
        ),
    ),
    (
        lambda path, _: path.suffix.lower() in (".index", ".ckpt") or ".data-" in path.name,
        "is a part of a TensorFlow checkpoint: weights, and not the model; save the model whole",
    ),
    (lambda _path, _head: True, "is no Keras model; save the model with Keras 3: model.save('NAME.keras')"),
)


@dataclass(frozen=True, slots=True)
class ModelPath:
    """A trained model on disk.

    Attributes:
        path: The file, or the folder of a SavedModel.
        kind: Who loads it: Keras 3, Keras 2 (tf_keras), or TensorFlow.
        lambdas: Names of its ``Lambda`` layers: code that would run in the loading process.
        teachable: Whether it is a Teachable Machine export.
    """

    path: Path
    kind: Kind
    lambdas: tuple[str, ...] = ()
    teachable: bool = False


def find_model(path: Path) -> ModelPath:
    """Return what kind of model ``path`` holds.

    Raises:
        LoadError: It is missing, cut off, or of a kind that cannot be converted.
    """
    if path.is_dir():
        return _find_in_folder(path)
    if not path.is_file():
        raise LoadError(f"there is no model file {path}")
    head = _head(path)
    if head.startswith(_HDF5):
        return _find_in_hdf5(path)
    if head.startswith(_ZIP):
        return _find_in_zip(path)
    raise LoadError(f"{path} {_what_it_is(path, head)}")


def teachable_labels(path: Path) -> Path | None:
    """Return the labels of a Teachable Machine export, given as its folder or as its ``keras_model.h5``."""
    labels = (path if path.is_dir() else path.parent) / _TEACHABLE_LABELS
    model = labels.with_name(_TEACHABLE_MODEL)
    return labels if labels.is_file() and model.is_file() and path in (model, model.parent) else None


def _find_in_folder(folder: Path) -> ModelPath:
    if (folder / "saved_model.pb").is_file() or (folder / "saved_model.pbtxt").is_file():
        return ModelPath(folder, "savedmodel")
    if (folder / _TEACHABLE_MODEL).is_file():
        return find_model(folder / _TEACHABLE_MODEL)
    if (folder / "model.json").is_file():
        raise LoadError(f"{folder} is a TensorFlow.js model; convert the Keras model that it was made from")
    if (folder / "model.weights.h5").is_file() and (folder / "config.json").is_file():
        raise LoadError(f"{folder} is an unpacked .keras file; zip its content again, or load and save the model")
    raise LoadError(
        f"the folder {folder} holds no model: no saved_model.pb, "
        f"and no {_TEACHABLE_MODEL} of a Teachable Machine export"
    )


def _find_in_hdf5(path: Path) -> ModelPath:
    import h5py  # noqa: PLC0415 - only for these files

    try:
        with h5py.File(path, "r") as file:
            config, version = _text(file.attrs.get("model_config")), _text(file.attrs.get("keras_version"))
            weights_only = "layer_names" in file.attrs or "layers" in file or "_layer_checkpoint_dependencies" in file
    except OSError as broken:
        raise LoadError(f"{path} is a cut-off or broken HDF5 file: {broken}; copy it again") from broken
    if not config:
        what = "the weights of a model, and not the model" if weights_only else "an HDF5 file without a Keras model"
        raise LoadError(
            f"{path} holds {what}; build the model, load_weights() into it, and save it whole: model.save('NAME.keras')"
        )
    kind: Kind = "keras3" if version.startswith("3") else "keras2"
    return ModelPath(path, kind, _lambdas(path, config), teachable=teachable_labels(path) is not None)


def _find_in_zip(path: Path) -> ModelPath:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            config = archive.read("config.json").decode() if "config.json" in names else ""
            metadata = archive.read("metadata.json").decode() if "metadata.json" in names else "{}"
    except (zipfile.BadZipFile, OSError, UnicodeDecodeError, NotImplementedError, RuntimeError) as broken:
        raise LoadError(f"{path} is a cut-off or broken zip archive: {broken}; copy it again") from broken
    if config:
        return ModelPath(path, _keras_of(path, metadata), _lambdas(path, config))
    raise LoadError(f"{path} {_what_the_zip_is(names)}")


def _keras_of(path: Path, metadata: str) -> Kind:
    try:
        version = str(json.loads(metadata).get("keras_version", "3"))
    except (ValueError, AttributeError) as broken:
        raise LoadError(f"{path} is no Keras model: its metadata.json is broken: {broken}") from broken
    return "keras2" if version.startswith("2") else "keras3"


def _what_the_zip_is(names: set[str]) -> str:
    if "manifest.json" in names:
        return "is a bundle already: it was converted from a Keras model, which is what 'convert' takes"
    if _TEACHABLE_MODEL in names:
        return f"is a Teachable Machine export; unpack it and convert its folder, or its {_TEACHABLE_MODEL}"
    if any(name.endswith("data.pkl") for name in names):
        return _PYTORCH
    if any(name.endswith("saved_model.pb") for name in names):
        return "is a zipped SavedModel; unpack it and convert its folder"
    return "is a zip archive without a Keras model; save the model with Keras 3: model.save('NAME.keras')"


def _what_it_is(path: Path, head: bytes) -> str:
    return next(what for is_it, what in _OTHER_FILES if is_it(path, head))


def _lambdas(path: Path, config: str) -> tuple[str, ...]:
    try:
        return tuple(_lambda_names(json.loads(config)))
    except (ValueError, RecursionError) as broken:
        raise LoadError(f"{path} is no Keras model: its description is broken: {broken}") from broken


def _lambda_names(config: Any) -> Iterator[str]:
    if isinstance(config, dict):
        if config.get("class_name") == "Lambda":
            inner = config.get("config")
            yield str(inner.get("name", "lambda")) if isinstance(inner, dict) else "lambda"
        for value in config.values():
            yield from _lambda_names(value)
    elif isinstance(config, list):
        for value in config:
            yield from _lambda_names(value)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError as problem:
        raise LoadError(f"cannot read {path}: {problem.strerror}") from problem


def _text(attribute: Any) -> str:
    return attribute.decode(errors="replace") if isinstance(attribute, bytes) else str(attribute or "")
