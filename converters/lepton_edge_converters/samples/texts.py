"""Samples that are texts: rows of a table, lines of a file, files in folders, or text in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import SamplesError
from lepton_edge_converters.facts import EndFacts, TextFacts
from lepton_edge_converters.samples.arrays import LABEL_KEY, gather, is_frame, read_file
from lepton_edge_converters.samples.pictures import class_indices, class_order, read_csv
from lepton_edge_runtime.text import printable
from lepton_edge_runtime.tokens.tokenizer import Tokenizer

_SHOWN = 60  # characters of a text that name it
_LABELS = ("class_index", "label", LABEL_KEY)


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts as the user gave them.

    Attributes:
        texts: One a sample.
        labels: Names or indices of their classes; ``None`` without.
        origin: Where they came from, for people.
    """

    texts: list[str]
    labels: Sequence[Any] | None
    origin: str


class TextSamples:
    """Texts that become tokens when they are chosen."""

    def __init__(
        self, texts: list[str], targets: NDArray[np.int64] | None, labels: tuple[str, ...], origin: str, end: EndFacts
    ) -> None:
        self.count = len(texts)
        self.targets = targets
        self.labels = labels
        self.origin = origin
        self.texts = texts
        self._tokenizer = tokenizer_of(end)

    def load(self, indices: Sequence[int]) -> list[NDArray[Any]]:
        """Return the chosen texts as the model takes them: n × the input's shape."""
        return [np.concatenate([self._tokenizer(self.texts[i]) for i in indices])]

    def name(self, index: int) -> str:
        """Return the beginning of a text."""
        text = printable(self.texts[index])
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def tokenizer_of(end: EndFacts) -> Tokenizer:
    """Return what makes an input's numbers of texts."""
    assert end.text is not None  # noqa: S101 - the callers looked
    return Tokenizer(end.text.tokenize, end.text.vocabulary, end.spec())


def open_texts(data: Any, end: EndFacts) -> Texts | None:
    """Return the texts that ``data`` stands for; ``None`` if it holds numbers.

    Raises:
        SamplesError: They cannot be read, or are not all labelled alike.
    """
    if is_frame(data):
        return _from_columns({str(name): list(data[name]) for name in data.columns}, "the data frame", end)
    if not isinstance(data, str | Path):
        return _from_memory(data, end)
    path = Path(data)
    if not path.exists():
        raise SamplesError(f"there are no samples at {path}")
    if path.is_dir():
        return _from_folder(path)
    if path.suffix == ".csv":
        return _from_columns(read_csv(path).columns, str(path), end)
    if path.suffix == ".txt":
        # As the device reads them: no other character ends a line, and U+2028 and its like stand inside a text.
        lines = [line.removesuffix("\r") for line in _read(path).split("\n")]
        return Texts([line for line in lines if line.strip()], None, str(path))
    if path.suffix in (".npz", ".npy"):
        return _from_memory(read_file(path), end, origin=str(path))
    raise SamplesError(
        f"texts are a .csv with the columns text and label, a .txt with one a line, or a folder of .txt files; {path} "
        "is none of them"
    )


def read_texts(found: Texts, end: EndFacts, labels: tuple[str, ...], classes: int | None) -> TextSamples:
    """Return texts that fit the model, with the classes of their labels.

    Raises:
        SamplesError: There are none, or their labels are not the model's classes.
    """
    if not found.texts:
        raise SamplesError(f"{found.origin} holds no texts")
    targets = None
    if found.labels is not None and classes is not None:
        if len(found.labels) != len(found.texts):
            raise SamplesError(f"{found.origin}: {len(found.labels)} labels for {len(found.texts)} texts")
        given = [str(one) for one in found.labels]
        if all(one.isdecimal() for one in given) and not set(given) <= set(labels):
            targets = class_indices(found.origin, given, classes)
        else:
            names = sorted(set(given))
            order = class_order(names, labels, classes, what=f"{found.origin} has {len(names)} different labels")
            targets = np.array([order[one] for one in given], np.int64)
            labels = labels or tuple(names)
    return TextSamples(found.texts, targets, labels, found.origin, end)


def synthetic_texts(text: TextFacts, rng: np.random.Generator, count: int) -> list[str]:
    """Return texts of the vocabulary's tokens, in any writing, with some that it does not know."""
    tokens = text.vocabulary.tokens[text.tokenize.first :]
    made = []
    for _ in range(count):
        words = [tokens[i] for i in rng.integers(0, len(tokens), rng.integers(1, 33))]
        words = [one.upper() if rng.random() < 0.1 else one for one in words]
        words.insert(int(rng.integers(0, len(words) + 1)), "Été,\u3000\u2019\u0130")
        made.append(" ".join(words) if text.tokenize.split == "whitespace" else "".join(words))
    return made


def _from_memory(data: Any, end: EndFacts, origin: str = "the samples") -> Texts | None:
    # One text has no axes, whatever its numbers will have.
    arrays, labels = gather(data, (replace(end, shape=()),))
    array = arrays[0]
    if array.dtype.kind not in "OSU":
        return None
    return Texts([_text(one, origin) for one in array.reshape(-1)], _listed(labels), origin)


def _listed(labels: NDArray[Any] | None) -> list[Any] | None:
    if labels is None:
        return None
    if labels.ndim == 2 and labels.shape[1] > 1 and labels.dtype.kind in "iufb":
        labels = labels.argmax(axis=1)
    flat = labels.reshape(-1)
    if flat.dtype.kind == "f" and (flat == np.rint(flat)).all():
        flat = flat.astype(np.int64)
    return [one.decode() if isinstance(one, bytes) else one for one in flat.tolist()]


def _text(one: Any, origin: str) -> str:
    if isinstance(one, bytes):
        return one.decode(errors="replace")
    if not isinstance(one, str):
        raise SamplesError(f"{origin} has {type(one).__name__} where a text should be: {one!r}")
    return str(one)


def _from_columns(columns: Mapping[str, Sequence[Any]], origin: str, end: EndFacts) -> Texts:
    label = next((name for name in _LABELS if name in columns), None)
    others = [name for name in columns if name not in _LABELS]
    text = next((name for name in ("text", end.name) if name in columns), others[0] if len(others) == 1 else None)
    if text is None:
        raise SamplesError(f"{origin} has no column 'text'; it has: {', '.join(columns) or 'nothing'}")
    labels = None if label is None else list(columns[label])
    if labels is not None and any(one is None or one == "" for one in labels):
        row = next(i for i, one in enumerate(labels) if one is None or one == "")
        raise SamplesError(f"{origin}: row {row + 1} has no label; give all of them one, or none")
    return Texts([_text("" if one is None else one, origin) for one in columns[text]], labels, origin)


def _from_folder(folder: Path) -> Texts:
    """Return the .txt files of a folder; subfolders that hold some are classes."""
    by_class = {sub.name: _text_files(sub) for sub in sorted(folder.iterdir()) if sub.is_dir()}
    pairs = [(path, name) for name, paths in by_class.items() for path in paths if not name.startswith(".")]
    if pairs:
        return Texts([_read(path) for path, _ in pairs], [name for _, name in pairs], str(folder))
    paths = _text_files(folder)
    if not paths:
        raise SamplesError(f"the folder {folder} holds no .txt files, and no subfolder with some")
    return Texts([_read(path) for path in paths], None, str(folder))


def _text_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() == ".txt" and path.is_file())


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")  # ends of lines are left as they are
    except (OSError, UnicodeDecodeError) as problem:
        raise SamplesError(f"cannot read {path}: {problem}") from problem
