"""Model and samples as paths that other processes can read; what is in memory is written first."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from lepton_edge_converters.errors import LoadError, SamplesError
from lepton_edge_converters.samples.pictures import read_csv
from lepton_edge_converters.stages.digest import digest
from lepton_edge_runtime.atomic import replacing
from lepton_edge_runtime.errors import OutputError

_DIGITS = 12  # of a hash, in the name of a file


def model_path(model: Any, folder: Path) -> Path:
    """Return where a model lies; one in memory is written into ``folder``, under a name that its weights decide.

    Raises:
        LoadError: It is not there, or of a kind that cannot be written.
        OutputError: It cannot be written.
    """
    if isinstance(model, str | Path):
        path = Path(model).resolve()
        if not path.exists():
            raise LoadError(f"there is no model at {path}")
        return path
    if not hasattr(model, "get_weights") or not hasattr(model, "get_config"):
        raise LoadError(f"a model is a path or a Keras model; got {type(model).__module__}.{type(model).__name__}")
    # The file that Keras writes is another one each time, though the model be the same.
    known = digest(type(model).__module__, repr(model.get_config()), [np.asarray(one) for one in model.get_weights()])
    path = folder / f"model-{known[:_DIGITS]}.keras"
    if not path.exists():
        whole = path.with_name(f".{path.name}.part.keras")
        with _writing(path):
            model.save(whole)
            whole.replace(path)
    return path


def data_path(data: Any, folder: Path) -> Path:
    """Return where samples lie; arrays in memory are written into ``folder``, under a name that they decide.

    Raises:
        SamplesError: They are not there, or of a kind that is not handed to other processes.
        OutputError: They cannot be written.
    """
    if isinstance(data, str | Path):
        path = Path(data).resolve()
        if not path.exists():
            raise SamplesError(f"there are no samples at {path}")
        return path
    arrays = _arrays(data)
    path = folder / f"samples-{digest(arrays)[:_DIGITS]}.npz"
    if not path.exists():
        with _writing(path), replacing(path) as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # a name of an array is no option of savez here
    return path


def known_by(path: Path | None) -> str:
    """Return one SHA-256 of a file or folder, and of the pictures that a table names."""
    if path is None:
        return ""
    if path.suffix != ".csv":
        return digest(path)
    table = read_csv(path)
    return digest(path, [table.base / str(one or "") for one in table.columns.get("path", ())])


def code_of(names: Iterable[str]) -> tuple[Path, ...]:
    """Return the files of the modules that objects of the user's own, ``module:Name``, are found in."""
    found = []
    for name in names:
        with suppress(ImportError, ValueError):  # who calls it tells what is wrong with it
            spec = find_spec(name.partition(":")[0])
            if spec is not None and spec.origin is not None and Path(spec.origin).is_file():
                found.append(Path(spec.origin))
    return tuple(found)


def ready(folder: Path) -> Path:
    """Return the folder, made if need be.

    Raises:
        OutputError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(f"cannot make the folder {folder}: {problem.strerror or problem}") from problem
    return folder.resolve()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise OutputError(f"cannot write {path}: {problem.strerror or problem}") from problem


def _arrays(data: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Return arrays by their names in an ``.npz``."""
    if isinstance(data, np.ndarray):
        return {"x": data}
    if isinstance(data, tuple) and len(data) == 2 and isinstance(data[0], np.ndarray):
        return {"x": data[0], "y": np.asarray(data[1])}
    if isinstance(data, Mapping):
        return {str(name): np.asarray(array) for name, array in data.items()}
    raise SamplesError(
        f"a search hands its samples to other processes: a path, an array, (samples, labels), or a mapping of arrays; "
        f"got {type(data).__name__}"
    )
