"""Whatever the user calls data, as samples."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import SamplesError
from lepton_edge_converters.facts import EndFacts
from lepton_edge_converters.samples import SampleSet
from lepton_edge_converters.samples.arrays import array_samples, gather, read_file
from lepton_edge_converters.samples.pictures import read_csv, read_folder
from lepton_edge_runtime.preprocess import Preprocess


def read_samples(
    data: Any,
    inputs: tuple[EndFacts, ...],
    preprocess: tuple[Preprocess | None, ...],
    labels: tuple[str, ...],
    classes: int | None,
    *,
    certain: bool,
) -> SampleSet:
    """Return the samples that ``data`` stands for.

    Args:
        data: A folder of pictures, a ``.csv``, ``.npz`` or ``.npy`` file, arrays, or an iterable of arrays.
        inputs: What the model takes.
        preprocess: One an input, completed; ``None`` where it takes no pictures.
        labels: Names of the classes in the model's order; may be empty.
        classes: How many the model may tell apart; ``None`` if it is no classifier.
        certain: Whether it surely is a classifier; otherwise labels that are no whole numbers are left aside.

    Raises:
        SamplesError: They are missing, empty, or do not fit the model.
    """
    if not isinstance(data, str | Path):
        arrays, targets = gather(data, inputs)
        targets = _class_labels(targets, certain=certain)
        return array_samples(arrays, targets, inputs, preprocess, classes, origin="the samples")
    path = Path(data)
    if not path.exists():
        raise SamplesError(f"there are no samples at {path}")
    if path.suffix in (".npz", ".npy"):
        arrays, targets = gather(read_file(path), inputs)
        targets = _class_labels(targets, certain=certain)
        return array_samples(arrays, targets, inputs, preprocess, classes, origin=str(path))
    if path.is_file() and path.suffix != ".csv":
        raise SamplesError(f"samples are a folder of pictures, or a .csv, .npz or .npy file; {path} is none of them")
    if len(inputs) != 1 or preprocess[0] is None:
        shapes = ", ".join(f"{end.name!r} {end.shape}" for end in inputs)
        raise SamplesError(
            f"the model does not take one picture ({shapes}); give its samples as .npz, one array an input"
        )
    read = read_folder if path.is_dir() else read_csv
    return read(path, preprocess[0], labels, classes)


def peek_shapes(data: Any) -> list[tuple[int, ...]]:
    """Return the shape of one sample, one an input, where arrays tell it; else nothing."""
    array = data[0] if isinstance(data, tuple) else data
    if isinstance(array, np.ndarray):
        return [array.shape[1:]]
    if isinstance(array, str | Path) and Path(array).suffix in (".npz", ".npy") and Path(array).is_file():
        content = read_file(Path(array))
        arrays = {"x": content} if isinstance(content, np.ndarray) else content
        return [one.shape[1:] for name, one in arrays.items() if name != "y"]
    return []


def _class_labels(targets: NDArray[Any] | None, *, certain: bool) -> NDArray[Any] | None:
    if targets is None or certain or targets.dtype.kind in "iub" or (targets == np.rint(targets)).all():
        return targets
    return None
