"""Names of classes, read from a text file with one a line."""

import re
from itertools import pairwise
from pathlib import Path

from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.regular import read_regular
from lepton_edge_runtime.text import printable

LABELS_BYTES_MAX = 4 << 20
"""Largest file of labels."""

_NUMBERED = re.compile(r"(\d{1,6})[ \t:]+(.+)")
_GAPS_MAX = 1000


def read_labels(path: str | Path) -> tuple[str, ...]:
    """Return the labels in a text file, one a line, in class order; blank lines at the end are dropped.

    Numbers before all labels, rising from line to line, are the numbers of the classes: where some are left out, as
    COCO's lists do, those classes are called by their number.

    Raises:
        InputError: The file cannot be read, or is no text.
    """
    return decode_labels(
        read_regular(Path(path), InputError, bytes_max=LABELS_BYTES_MAX, what="a file of labels"), path
    )


def decode_labels(content: bytes, where: str | Path) -> tuple[str, ...]:
    """Return the labels in the content of such a file; ``where`` is what messages call it.

    Raises:
        InputError: It is no text.
    """
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as problem:
        raise InputError(f"cannot read the labels in {where}: {problem}") from problem
    while lines and not lines[-1].strip():
        lines.pop()
    labels = [line.strip() for line in lines]
    return tuple(map(printable, _unnumbered(labels)))


def _unnumbered(labels: list[str]) -> list[str]:
    """Return labels without their numbers, each at its number's place, where all have one and they rise."""
    found = [_NUMBERED.fullmatch(label) for label in labels]
    numbered = [(int(one[1]), one[2]) for one in found if one]
    numbers = [number for number, _ in numbered]
    names = dict(numbered)
    if len(numbered) != len(labels) or len(labels) < 2 or any(a >= b for a, b in pairwise(numbers)):
        return labels
    # With gaps they may also be names such as "1 euro" and "5 euro".
    whole = numbers == list(range(len(labels)))
    if not whole and (len(set(names.values())) != len(names) or numbers[-1] > len(labels) + _GAPS_MAX):
        return labels
    # A list that begins with 1 leaves out no class: it counts from there.
    first = numbers[0] if numbers[0] <= 1 else 0
    return [names.get(i, str(i)) for i in range(first, numbers[-1] + 1)]
