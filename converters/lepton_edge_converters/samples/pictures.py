"""Pictures and videos in files: a folder whose subfolders are classes, or rows of a table that name them."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import SamplesError
from lepton_edge_converters.samples.videos import list_videos, read_clip
from lepton_edge_runtime.clips import Clip
from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.images import list_images, read_image
from lepton_edge_runtime.plan import to_pixels
from lepton_edge_runtime.preprocess import Preprocess


class PictureSamples:
    """Picture files, or videos, read when they are chosen.

    Args:
        paths: One a sample.
        targets: Class index of each, if known.
        labels: Names of the classes, if the files tell them.
        origin: Where they came from.
        preprocess: Completed: gives size and colour.
        clip: Which frames of a video make a clip; ``None`` where the files are pictures.
    """

    def __init__(
        self,
        paths: list[Path],
        targets: NDArray[np.int64] | None,
        labels: tuple[str, ...],
        *,
        origin: str,
        preprocess: Preprocess,
        clip: Clip | None = None,
    ) -> None:
        self.count = len(paths)
        self.targets = targets
        self.labels = labels
        self.origin = origin
        self._paths = paths
        self._preprocess = preprocess
        self._clip = clip

    def load(self, indices: Sequence[int]) -> list[NDArray[Any]]:
        """Return the chosen pictures, n × height × width × channels, or clips of them, ``uint8``."""
        try:
            return [np.stack([self._read(self._paths[i]) for i in indices])]
        except InputError as broken:
            raise SamplesError(f"{broken}; mend it or take it out of the samples") from broken

    def _read(self, path: Path) -> NDArray[np.uint8]:
        if self._clip is not None:
            return read_clip(path, self._preprocess, self._clip)
        return to_pixels(self._preprocess, read_image(path))

    def name(self, index: int) -> str:
        """Return a picture's file and the folder that it lies in, which may be its class."""
        return "/".join(self._paths[index].parts[-2:])


def read_folder(
    folder: Path, preprocess: Preprocess, labels: tuple[str, ...], classes: int | None, clip: Clip | None = None
) -> PictureSamples:
    """Return the pictures, or videos, in a folder; subfolders with some are classes.

    Args:
        folder: Holds them, or a subfolder for each class.
        preprocess: Completed.
        labels: Names of all classes in the model's order; without them the subfolders' names, sorted, are it.
        classes: How many the model tells apart; ``None`` if it is no classifier.
        clip: Which frames of a video make a clip; ``None`` for pictures.
    """
    what, listed = ("pictures", list_images) if clip is None else ("videos", list_videos)
    by_class = {
        sub.name: listed(sub) for sub in sorted(folder.iterdir()) if sub.is_dir() and not sub.name.startswith(".")
    }
    by_class = {name: paths for name, paths in by_class.items() if paths}
    if not by_class:
        paths = listed(folder)
        if not paths:
            raise SamplesError(f"the folder {folder} holds no {what}, and no subfolder with {what}")
        return PictureSamples(paths, None, (), origin=f"{folder}", preprocess=preprocess, clip=clip)
    names = list(by_class)
    order = class_order(names, labels, classes, what=f"the folder {folder} has {len(names)} class subfolders")
    paths = [path for name in names for path in by_class[name]]
    targets = np.array([order[name] for name in names for _ in by_class[name]], np.int64)
    origin = f"{folder}"
    return PictureSamples(paths, targets, labels or tuple(names), origin=origin, preprocess=preprocess, clip=clip)


@dataclass(frozen=True, slots=True)
class PictureTable:
    """Rows that name pictures: a CSV or a data frame.

    Attributes:
        columns: ``path``, and ``class_index`` or ``label`` where there are labels; one value a row.
        base: Folder that paths are relative to.
        origin: Where the table came from, for people.
    """

    columns: Mapping[str, Sequence[Any]]
    base: Path
    origin: str


def read_csv(path: Path) -> PictureTable:
    """Return the table in a CSV with a heading; its paths are relative to the CSV.

    Raises:
        SamplesError: It cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns, rows = list(reader.fieldnames or []), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise SamplesError(f"cannot read {path}: {problem}") from problem
    for number, row in enumerate(rows, start=1):
        if None in row:  # what DictReader calls all beyond the heading
            raise SamplesError(
                f"{path}: row {number} has {len(columns) + len(row[None])} fields, and the heading {len(columns)}; put "
                'quotes round a field that holds a comma: "so, for example"'
            )
    if len(columns) == 1 and (other := next((one for one in ";\t" if one in columns[0]), None)):
        raise SamplesError(f"{path} has one column, {columns[0]!r}; part columns by commas, not by {other!r}")
    return PictureTable({name: [row[name] for row in rows] for name in columns}, path.parent, str(path))


def read_table(
    table: PictureTable,
    preprocess: Preprocess,
    labels: tuple[str, ...],
    classes: int | None,
    clip: Clip | None = None,
) -> PictureSamples:
    """Return the pictures, or videos, that a table names; ``class_index`` wins where ``label`` is given too.

    Raises:
        SamplesError: Columns, pictures or labels are missing, or do not fit the model.
    """
    columns, origin = table.columns, table.origin
    if "path" not in columns:
        raise SamplesError(f"{origin} has no column 'path'; it has: {', '.join(map(str, columns)) or 'nothing'}")
    if not len(columns["path"]):
        raise SamplesError(f"{origin} names no pictures")
    paths = [table.base / str(path or "") for path in columns["path"]]
    missing = [one for one in paths if not one.is_file()]
    if missing:
        raise SamplesError(
            f"{len(missing)} of the {len(paths)} pictures in {origin} are missing, the first is {missing[0]}"
        )
    targets = None
    if "class_index" in columns:
        targets = class_indices(origin, columns["class_index"], classes)
    elif "label" in columns:
        given = [label if isinstance(label, str) else "" for label in columns["label"]]
        if "" in given:
            raise SamplesError(f"{origin}: row {given.index('') + 1} has no label; give all of them one, or none")
        names = sorted(set(given))
        order = class_order(names, labels, classes, what=f"{origin} has {len(names)} different labels")
        targets = np.array([order[label] for label in given], np.int64)
        labels = labels or tuple(names)
    return PictureSamples(paths, targets, labels, origin=origin, preprocess=preprocess, clip=clip)


def class_order(names: list[str], labels: tuple[str, ...], classes: int | None, *, what: str) -> dict[str, int]:
    """Return the class index of each name.

    Raises:
        SamplesError: A name is not among the labels, or, without labels, the names are not all classes.
    """
    if labels:
        unknown = [name for name in names if name not in labels]
        if unknown:
            raise SamplesError(f"{what}, and {unknown[0]!r} is not among the {len(labels)} labels given")
        return {name: labels.index(name) for name in names}
    if classes is not None and len(names) != classes:
        raise SamplesError(
            f"{what}, and the model tells {classes} classes apart: say which is which, by a file of all labels in "
            "the model's order (--labels) or a CSV with the column class_index"
        )
    return {name: i for i, name in enumerate(names)}


def class_indices(origin: str, column: Sequence[Any], classes: int | None) -> NDArray[np.int64]:
    """Return whole numbers as class indices.

    Raises:
        SamplesError: They are none of the model's.
    """
    try:
        indices = np.array([int(value) for value in column], np.int64)
    except (TypeError, ValueError) as problem:
        raise SamplesError(f"{origin}: class_index holds whole numbers; {problem}") from problem
    if classes is not None and not ((indices >= 0) & (indices < classes)).all():
        raise SamplesError(
            f"{origin}: class_index goes from {indices.min()} to {indices.max()}, "
            f"and the model's from 0 to {classes - 1}"
        )
    return indices
