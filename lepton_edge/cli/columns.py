"""Plain text for a terminal of any width: columns that line up, sentences that hang under their label."""

import shutil
import sys
from collections.abc import Sequence
from textwrap import fill

from lepton_edge_runtime.text import printable


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows as lines: the first column to the left, the others to the right.

    A row with nothing but its first cell is a heading, and may be as long as it likes. Control characters are written
    as escapes.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, cells)) for cells in zip(*(row for row in rows if any(row[1:])), strict=True)]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]


def sentence(label: str, text: str, *, indent: int = 9) -> str:
    """Return a label and a text, wrapped under it to the terminal's width; one line where there is no terminal.

    Control characters in the text are written as escapes.
    """
    first, text = f"{label:<{indent - 1}} ", printable(text)
    if not sys.stdout.isatty():
        return first + text
    width = max(40, shutil.get_terminal_size().columns)
    return fill(
        text,
        width,
        initial_indent=first,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,  # names of packages, and commands to be copied
        break_long_words=False,
    )
