"""Whatever the user calls data, as samples."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import SamplesError
from lepton_edge_converters.facts import EndFacts
from lepton_edge_converters.samples import SampleSet
from lepton_edge_converters.samples.arrays import array_samples, gather, is_frame, read_file
from lepton_edge_converters.samples.pictures import PictureTable, read_csv, read_folder, read_table
from lepton_edge_converters.samples.texts import Texts, open_texts, read_texts
from lepton_edge_runtime.preprocess import Preprocess


@dataclass(frozen=True, slots=True)
class Gathered:
    """Samples that are arrays: one an input, with labels if there are any."""

    arrays: list[NDArray[Any]]
    targets: NDArray[Any] | None
    origin: str

    def extremes(self) -> list[tuple[float, float] | None]:
        """Return the least and largest value of each array of model-ready numbers; ``None`` for bytes."""
        return [_extremes(array) for array in self.arrays]


Found = Gathered | PictureTable | Texts | Path
"""Samples before they are made to fit a model: arrays, a table that names pictures, texts, a folder of pictures."""


def open_samples(data: Any, inputs: tuple[EndFacts, ...]) -> Found:
    """Return what ``data`` stands for.

    Raises:
        SamplesError: They are missing, empty, or of a kind that is not known.
    """
    texts = open_texts(data, inputs[0]) if inputs[0].text is not None else None
    if texts is not None:
        return texts
    if is_frame(data) and "path" in data.columns:
        return PictureTable({name: list(data[name]) for name in data.columns}, Path(), "the data frame")
    if not isinstance(data, str | Path):
        return Gathered(*gather(data, inputs), origin="the samples")
    path = Path(data)
    if not path.exists():
        raise SamplesError(f"there are no samples at {path}")
    if path.suffix in (".npz", ".npy"):
        return Gathered(*gather(read_file(path), inputs), origin=str(path))
    if path.suffix == ".csv":
        return read_csv(path)
    if path.is_file():
        raise SamplesError(f"samples are a folder of pictures, or a .csv, .npz or .npy file; {path} is none of them")
    return path


def read_samples(
    opened: Found,
    inputs: tuple[EndFacts, ...],
    preprocess: tuple[Preprocess | None, ...],
    labels: tuple[str, ...],
    classes: int | None,
    *,
    certain: bool,
) -> SampleSet:
    """Return samples that fit the model.

    Args:
        opened: Arrays, a table that names pictures, texts, or a folder of pictures.
        inputs: What the model takes.
        preprocess: One an input, completed; ``None`` where it takes no pictures.
        labels: Names of the classes in the model's order; may be empty.
        classes: How many the model may tell apart; ``None`` if it is no classifier.
        certain: Whether it surely is a classifier; otherwise labels that are no whole numbers are left aside.

    Raises:
        SamplesError: They do not fit the model.
    """
    if isinstance(opened, Gathered):
        targets = _class_labels(opened.targets, certain=certain)
        return array_samples(opened.arrays, targets, inputs, preprocess, classes, origin=opened.origin)
    if isinstance(opened, Texts):
        return read_texts(opened, inputs[0], labels, classes)
    if len(inputs) != 1 or preprocess[0] is None:
        shapes = ", ".join(f"{end.name!r} {end.shape}" for end in inputs)
        raise SamplesError(
            f"the model does not take one picture ({shapes}); give its samples as .npz, one array an input"
        )
    if isinstance(opened, PictureTable):
        return read_table(opened, preprocess[0], labels, classes, inputs[0].clip)
    return read_folder(opened, preprocess[0], labels, classes, inputs[0].clip)


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


def _extremes(array: NDArray[Any]) -> tuple[float, float] | None:
    if array.dtype.kind not in "fiu" or array.dtype == np.uint8 or not array.size:
        return None
    return float(array.min()), float(array.max())
