"""What a user says of a model file: in Python, or in a TOML file beside it."""

import tomllib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from lepton_edge_runtime.clips import Clip
from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.heads import Head
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.regular import read_regular

_BYTES_MAX = 1 << 20


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a user says of a model file; ``None`` where they leave it to the file.

    Attributes:
        task: Row of ``TASKS``.
        labels: Names of the classes, or a text file with one a line; in a TOML file its path is relative to that.
        points: Names of the key points.
        head: How the outputs are laid out.
        preprocess: How pictures become tensors.
        clip: Which frames go in at once, for an input of 1 × frames × height × width × channels.

    Example:
        >>> from lepton_edge_runtime.heads import Yolox
        >>> Description(task="detect", head=Yolox(), preprocess=Preprocess(color="bgr", range=(0, 255))).head.strides
        (8, 16, 32)
    """

    task: str | None = None
    labels: tuple[str, ...] | str | None = None
    points: tuple[str, ...] | None = None
    head: Head | None = None
    preprocess: Preprocess | None = None
    clip: Clip | None = None

    @property
    def names(self) -> tuple[str, ...] | None:
        """The labels, once a file of them has been read."""
        return self.labels if isinstance(self.labels, tuple) else None

    def over(self, other: "Description") -> "Description":
        """Return this with what it leaves open taken from another; of ``preprocess`` likewise, part by part."""
        preprocess = self.preprocess or other.preprocess
        if self.preprocess is not None and other.preprocess is not None:
            preprocess = self.preprocess.over(other.preprocess)
        return Description(
            task=self.task or other.task,
            labels=other.labels if self.labels is None else self.labels,
            points=other.points if self.points is None else self.points,
            head=self.head or other.head,
            preprocess=preprocess,
            clip=self.clip or other.clip,
        )


def described(
    labels: Sequence[str] | str | Path | None,
    preprocess: Preprocess | None,
    task: str | None,
    description: Description | str | Path | None,
) -> Description:
    """Return all that is said of a model: what stands alone goes before the description, or the file that has it.

    Raises:
        InputError: The file cannot be read.
    """
    names = str(labels) if isinstance(labels, Path) else labels
    given = Description(
        task=task, labels=names if isinstance(names, str | None) else tuple(names), preprocess=preprocess
    )
    if description is None:
        return given
    return given.over(description if isinstance(description, Description) else read_description(description))


def read_description(path: str | Path) -> Description:
    """Return what a TOML file says; a file of labels that it names is found beside it.

    Raises:
        InputError: It cannot be read, is no TOML, or has a key or value that there is not.
    """
    path = Path(path)
    content = read_regular(path, InputError, bytes_max=_BYTES_MAX, what="a description")
    try:
        said = msgspec.convert(tomllib.loads(content.decode("utf-8-sig")), Description)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as problem:
        raise InputError(f"{path}: {problem}") from problem
    if isinstance(said.labels, str):
        return msgspec.structs.replace(said, labels=str(path.parent / said.labels))
    return said
