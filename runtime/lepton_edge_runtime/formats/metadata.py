"""TFLite Metadata: names, normalization and labels that a model's publisher packed into the file.

A flatbuffer of its own in the model's metadata list, and an archive behind the model with the files it
names. Field numbers are those of metadata_schema.fbs (identifier ``M001``).
"""

from collections.abc import Iterator, Sequence
from math import isfinite

from lepton_edge_runtime.archive import StoredZip
from lepton_edge_runtime.errors import ModelFileError
from lepton_edge_runtime.formats import Hints, PictureHint
from lepton_edge_runtime.formats.budget import Budget
from lepton_edge_runtime.formats.flatbuffer import Table
from lepton_edge_runtime.formats.ultralytics import read_dict, read_json
from lepton_edge_runtime.text import printable

METADATA_KEY = "TFLITE_METADATA"
"""Name of the entry in the model's metadata list."""

_SOURCE = "TFLite Metadata"
_MODEL_NAME, _MODEL_SUBGRAPHS = 0, 3
_GRAPH_INPUTS, _GRAPH_OUTPUTS = 2, 3
_TENSOR_CONTENT, _TENSOR_UNITS, _TENSOR_FILES = 3, 4, 6
_CONTENT_KIND, _CONTENT_VALUE, _CONTENT_IMAGE = 0, 1, 2
_UNIT_KIND, _UNIT_VALUE, _UNIT_NORMALIZATION = 0, 1, 1
_FILE_NAME, _FILE_KIND, _FILE_LABELS = 0, 2, (2, 3)
_COLORS = {1: "rgb", 2: "gray"}
_LABELS_BYTES_MAX = 4 << 20
_END_BYTES_MAX = 22 + 65_535  # of a zip archive's end record with the longest comment
_PARTS_MAX = 10_000
_TEXT_BYTES_MAX = 1 << 20


def read_metadata(metadata: bytes | None, content: bytes) -> Hints | None:
    """Return what a TFLite file's metadata say, with the labels from the archive at its end.

    Args:
        metadata: The entry ``TFLITE_METADATA``, ``None`` where there is none.
        content: The whole file.
    """
    notes: list[str] = []
    if metadata is None:
        ultralytics = read_json(_packed_file(content, "metadata.json", notes) or b"")
        return ultralytics or (Hints(source=_SOURCE, notes=tuple(notes)) if notes else None)
    try:
        model = Table.root(metadata, b"M001", Budget(_PARTS_MAX, _TEXT_BYTES_MAX))
        graphs = model.tables(_MODEL_SUBGRAPHS)
        inputs = graphs[0].tables(_GRAPH_INPUTS) if graphs else []
        outputs = graphs[0].tables(_GRAPH_OUTPUTS) if graphs else []
        pictures = tuple(_picture(tensor) for tensor in inputs)
        label_file = next((name for tensor in outputs for name in _label_files(tensor)), "")
        name = printable(model.text(_MODEL_NAME))
    except IndexError as broken:
        return Hints(source=_SOURCE, notes=(f"its TFLite Metadata are broken and not used: {broken}", *notes))
    text = _packed_file(content, label_file, notes) if label_file else b""
    if text is None:
        notes.append(f"its TFLite Metadata name the labels {label_file!r}, and the file has none of that name")
    elif ultralytics := read_dict(text):
        return ultralytics
    labels = _labels(text or b"")
    return Hints(
        source=_SOURCE,
        name=name,
        labels=labels,
        labels_from=label_file if labels else "",
        pictures=pictures,
        notes=tuple(notes),
    )


def _packed_file(content: bytes, name: str, notes: list[str]) -> bytes | None:
    """Return a file in the archive behind the model, ``None`` where there is none."""
    if not _ends_as_archive(content):
        return None
    try:
        with StoredZip(
            content,
            title="the archive at the file's end",
            kind="model file",
            error=ModelFileError,
            inflated_bytes_max=_LABELS_BYTES_MAX,
        ) as zipped:
            small = name in zipped.entries and zipped.entries[name].file_size <= _LABELS_BYTES_MAX
            return zipped.read(name) if small else None
    except ModelFileError as refused:
        notes.append(f"the files packed behind the model are not read: {refused}")
        return None


def _ends_as_archive(content: bytes) -> bool:
    """Return whether a zip archive's end record stands at the end, with or without a comment behind it."""
    at = content.rfind(b"PK\x05\x06", max(0, len(content) - _END_BYTES_MAX))
    return at >= 0 and at + 22 + int.from_bytes(content[at + 20 : at + 22], "little") == len(content)


def _picture(tensor: Table) -> PictureHint | None:
    color = ""
    content = tensor.table(_TENSOR_CONTENT)
    if content is not None and content.byte(_CONTENT_KIND) == _CONTENT_IMAGE:
        image = content.table(_CONTENT_VALUE)
        color = _COLORS.get(image.byte(0), "") if image else ""
    for unit in tensor.tables(_TENSOR_UNITS):
        options = unit.table(_UNIT_VALUE)
        if unit.byte(_UNIT_KIND) == _UNIT_NORMALIZATION and options is not None:
            mean, std = options.floats(0), options.floats(1)
            if _usable(mean, std):
                return PictureHint(color=color, mean=mean, std=std)
    return PictureHint(color=color) if color else None


def _usable(mean: Sequence[float], std: Sequence[float]) -> bool:
    return len(mean) == len(std) in (1, 3) and all(map(isfinite, (*mean, *std))) and all(one > 0 for one in std)


def _label_files(tensor: Table) -> Iterator[str]:
    files = tensor.tables(_TENSOR_FILES)
    return (file.text(_FILE_NAME) for file in files if file.byte(_FILE_KIND) in _FILE_LABELS)


def _labels(content: bytes) -> tuple[str, ...]:
    lines = content.decode(errors="replace").removeprefix("\ufeff").splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    return tuple(printable(line.strip()) for line in lines)
