"""A model file of others, read: alone, or in a zip archive with its labels, as Teachable Machine exports it."""

from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from lepton_edge_runtime.archive import StoredZip
from lepton_edge_runtime.bare.draft import NOTHING_GIVEN
from lepton_edge_runtime.bundle import MANIFEST
from lepton_edge_runtime.description import Description
from lepton_edge_runtime.errors import InputError, ModelFileError
from lepton_edge_runtime.formats import ModelFile
from lepton_edge_runtime.formats.onnx import read_onnx
from lepton_edge_runtime.formats.tflite import read_tflite
from lepton_edge_runtime.labels import LABELS_BYTES_MAX, decode_labels
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.regular import read_regular

READERS = {".tflite": ("model.tflite", read_tflite), ".onnx": ("model.onnx", read_onnx)}
"""Bare model files: the member of a bundle that each stands for, and who reads it."""

_LABELS = "labels.txt"
# Where protobuf and flatbuffers end; inflated, far less is enough for a model that others zip.
_MODEL_BYTES_MAX = (2 << 30) - 1
_INFLATED_BYTES_MAX = 512 << 20
# Its pictures are the centre's square, its float models were trained on pixels / 127.5 - 1, and its names are these.
_TEACHABLE = {
    "model_unquant.tflite": Preprocess(color="rgb", resize="crop", crop_fraction=1.0, range=(-1.0, 1.0)),
    "model.tflite": Preprocess(color="rgb", resize="crop", crop_fraction=1.0),
}


@dataclass(frozen=True, slots=True)
class BareFile:
    """A ``.tflite`` or ``.onnx`` file.

    Attributes:
        member: Of a bundle, that it stands for.
        content: Its bytes.
        file: What they say.
        said: What lies beside it in an archive says.
        sources: Where that was found, one sentence each.
    """

    member: str
    content: bytes
    file: ModelFile
    said: Description = NOTHING_GIVEN
    sources: tuple[str, ...] = ()


def is_bare(path: Path) -> bool:
    """Return whether ``path`` is called as model files of others are; anything else is taken for a bundle."""
    return path.suffix.lower() in (*READERS, ".zip")


def read_bare(path: Path) -> BareFile:
    """Return what a bare file says of itself, or the only one in a zip archive.

    Raises:
        ModelFileError: It cannot be read, or is no such file; the message has its name.
    """
    if path.suffix.lower() == ".zip":
        return _packed(path)
    content = read_regular(path, ModelFileError, bytes_max=_MODEL_BYTES_MAX, what="a model file")
    return _read(content, path.suffix, str(path))


def _read(content: bytes, suffix: str, title: str) -> BareFile:
    member, read = READERS[suffix.lower()]
    try:
        return BareFile(member, content, read(content))
    except ModelFileError as broken:
        raise ModelFileError(f"{title}: {broken}") from broken


def _packed(path: Path) -> BareFile:
    with StoredZip(
        path, title=str(path), kind="archive with a model", error=ModelFileError, inflated_bytes_max=_INFLATED_BYTES_MAX
    ) as zipped:
        if MANIFEST in zipped.entries:
            raise ModelFileError(f"{path} is a bundle of another name; a bundle is called NAME.lepton")
        names = [name for name in zipped.entries if PurePath(name).suffix.lower() in READERS]
        if len(names) != 1:
            held = ", ".join(names or zipped.entries) or "nothing"
            raise ModelFileError(f"{path} should hold one .tflite or .onnx file, and holds {held}")
        name = names[0]
        bare = _read(zipped.read(name), PurePath(name).suffix, f"{path}: {name}")
        if _LABELS not in zipped.entries:
            return bare
        if zipped.entries[_LABELS].file_size > LABELS_BYTES_MAX:
            raise ModelFileError(f"{path}: {_LABELS} is larger than {LABELS_BYTES_MAX >> 20} MB")
        try:
            labels = decode_labels(zipped.read(_LABELS), f"{path}: {_LABELS}")
        except InputError as broken:
            raise ModelFileError(str(broken)) from broken
    sources = [f"the classes' names are those of {_LABELS}, which lies beside it in the archive (--labels)"]
    preprocess = _TEACHABLE.get(name)
    if preprocess is not None:
        scaled = ", from -1 to 1" if preprocess.range else ""
        sources.append(
            f"pictures are cut to the centre's square{scaled}: Teachable Machine calls its files so (--resize, --range)"
        )
    return replace(bare, said=Description(labels=labels, preprocess=preprocess), sources=tuple(sources))
