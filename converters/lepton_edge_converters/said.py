"""What a user says of a model, as far as it is said; the rest is seen from the model, or taken from a lock."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from lepton_edge_runtime.opening import read_labels
from lepton_edge_runtime.preprocess import Preprocess


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the user said of the model.

    Attributes:
        labels: Names of its classes, in its order.
        task: What its outputs are.
        signature: Which of a SavedModel's signatures.
        preprocess: How pictures become its input.
    """

    labels: tuple[str, ...] = ()
    task: str | None = None
    signature: str = ""
    preprocess: Preprocess | None = None

    def over(self, locked: "Said") -> "Said":
        """Return this, with what it leaves open as it was said when the lock was written."""
        return Said(
            labels=self.labels or locked.labels,
            task=self.task or locked.task,
            signature=self.signature or locked.signature,
            preprocess=self.preprocess or locked.preprocess,
        )


def say(
    labels: str | Path | Sequence[str] | None, task: str | None, signature: str, preprocess: Preprocess | None
) -> Said:
    """Return what was said, labels read from their file.

    A range of whole numbers becomes one of real numbers: ``(0, 255)`` and ``(0.0, 255.0)`` are the same and shall
    give the same bytes.

    Raises:
        InputError: The labels cannot be read.
    """
    names: tuple[str, ...] = ()
    if labels is not None:
        names = read_labels(labels) if isinstance(labels, str | Path) else tuple(map(str, labels))
    exact = preprocess and msgspec.convert(msgspec.to_builtins(preprocess), Preprocess)
    return Said(labels=names, task=task, signature=signature, preprocess=exact)
