"""The model in a file, whatever wrote it."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lepton_edge_converters.errors import LoadError
from lepton_edge_converters.load.custom import find_custom
from lepton_edge_converters.load.files import ModelPath, find_model
from lepton_edge_converters.load.loaded import LoadedModel, LoadOptions


def load_file(path: Path, options: LoadOptions, custom_objects: Mapping[str, Any]) -> LoadedModel:
    """Return the model that ``path`` holds, whatever wrote it; imports TensorFlow.

    Raises:
        LoadError: It holds none, or one that cannot be loaded.
    """
    found = check_options(find_model(path), options)
    if found.kind == "savedmodel":
        from lepton_edge_converters.load import savedmodel  # noqa: PLC0415 - imports TensorFlow

        return savedmodel.load_model(found.path, options.signature)
    custom = {**find_custom(options.custom), **custom_objects}
    if found.kind == "keras2":
        from lepton_edge_converters.load import keras2  # noqa: PLC0415 - imports TensorFlow

        return keras2.load_model(found.path, custom, trust=options.trust)
    from lepton_edge_converters.load import keras3  # noqa: PLC0415 - imports TensorFlow

    return keras3.load_model(found.path, custom, trust=options.trust)


def hash_path(path: Path) -> str:
    """Return the SHA-256 of a file, or of all files of a folder with their names."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    digest = hashlib.sha256()
    for file in _files(path):
        digest.update(f"{file.relative_to(path).as_posix()} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*") if path.is_file())


def check_options(found: ModelPath, options: LoadOptions) -> ModelPath:
    """Return what was found, once the options fit it.

    Raises:
        LoadError: They do not.
    """
    if found.lambdas and not options.trust:
        listed = ", ".join(map(repr, found.lambdas))
        raise LoadError(
            f"{found.path} holds Python code in Lambda layers ({listed}), which would run here; "
            "if you know who wrote it, say so (--trust)"
        )
    if options.signature and found.kind != "savedmodel":
        raise LoadError(f"{found.path} is no SavedModel, so it has no signature {options.signature!r} (--signature)")
    return found
