"""What a user says of a model, as far as it is said; the rest is seen from the model, or taken from a lock."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from lepton_edge_converters.errors import LoadError
from lepton_edge_runtime.clips import Clip
from lepton_edge_runtime.description import Description, described
from lepton_edge_runtime.heads import Head
from lepton_edge_runtime.labels import read_labels
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.tokens import Split, Standardize


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the user said of the model.

    Attributes:
        labels: Names of its classes, in its order.
        task: What its outputs are.
        signature: Which of a SavedModel's signatures.
        preprocess: How pictures become its input.
        head: How its outputs are laid out.
        points: Names of its key points.
        vocabulary: Tokens of the texts that become its input.
        standardize: What is done to a text before it is split into them.
        split: Where it is split.
        clip: Which frames of a camera make a clip.
    """

    labels: tuple[str, ...] = ()
    task: str | None = None
    signature: str = ""
    preprocess: Preprocess | None = None
    head: Head | None = None
    points: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()
    standardize: Standardize | None = None
    split: Split | None = None
    clip: Clip | None = None

    def over(self, locked: "Said") -> "Said":
        """Return this, with what it leaves open as it was said when the lock was written."""
        return Said(
            labels=self.labels or locked.labels,
            task=self.task or locked.task,
            signature=self.signature or locked.signature,
            preprocess=self.preprocess or locked.preprocess,
            head=self.head or locked.head,
            points=self.points or locked.points,
            vocabulary=self.vocabulary or locked.vocabulary,
            standardize=self.standardize or locked.standardize,
            split=self.split or locked.split,
            clip=self.clip or locked.clip,
        )


def say(
    labels: str | Path | Sequence[str] | None,
    task: str | None,
    signature: str,
    preprocess: Preprocess | None,
    description: Description | str | Path | None = None,
    *,
    vocabulary: str | Path | Sequence[str] | None = None,
    standardize: Standardize | None = None,
    split: Split | None = None,
    clip: Clip | None = None,
) -> Said:
    """Return what was said, labels and vocabulary read from their files; it goes before what a description says.

    A range of whole numbers becomes one of real numbers: ``(0, 255)`` and ``(0.0, 255.0)`` are the same and shall
    give the same bytes.

    Raises:
        InputError: The labels, or the description, cannot be read.
        LoadError: The vocabulary cannot be read.
    """
    tokens: tuple[str, ...] = ()
    if vocabulary is not None:
        tokens = _read_vocabulary(vocabulary) if isinstance(vocabulary, str | Path) else tuple(map(str, vocabulary))
    given = described(labels, preprocess, task, description)
    found = read_labels(given.labels) if isinstance(given.labels, str) else tuple(map(str, given.labels or ()))
    exact = given.preprocess and msgspec.convert(msgspec.to_builtins(given.preprocess), Preprocess)
    return Said(
        labels=found,
        task=given.task,
        signature=signature,
        preprocess=exact,
        head=given.head,
        points=given.points or (),
        vocabulary=tokens,
        standardize=standardize,
        split=split,
        clip=clip or given.clip,
    )


def _read_vocabulary(path: str | Path) -> tuple[str, ...]:
    """Return the tokens in a text file, one a line, as they stand there.

    Raises:
        LoadError: The file cannot be read, or is no text.
    """
    try:
        content = Path(path).read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise LoadError(f"cannot read the vocabulary in {path}: {problem}") from problem
    lines = [line.removesuffix("\r") for line in content.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise LoadError(f"the vocabulary in {path} is empty")
    return tuple(lines)
