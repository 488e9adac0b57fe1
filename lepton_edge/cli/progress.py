"""Progress of long work on standard error: a line that is rewritten, and nothing where there is no terminal."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class ProgressLine:
    """One line that says what is being done and how much of it is done."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown and sys.stderr.isatty()
        # A copy of the terminal: standard error itself may be held back while an engine greets.
        self._terminal = os.fdopen(os.dup(sys.stderr.fileno()), "w") if self._shown else sys.stderr

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show one step; ``total`` of 1 or less has no count."""
        if not self._shown:
            return
        count = f" {done}/{total}" if total > 1 else ""
        text = f"{what}{count} …"[: shutil.get_terminal_size().columns - 1]
        self._terminal.write(f"\r\x1b[K{text}")
        self._terminal.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self._terminal.write("\r\x1b[K")
            self._terminal.flush()


@contextmanager
def progress_bar(*, shown: bool = True) -> Iterator[ProgressLine]:
    """Yield a progress line, and take it away at the end."""
    line = ProgressLine(shown=shown)
    try:
        yield line
    finally:
        line.clear()
