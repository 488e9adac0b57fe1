"""Ctrl-C and SIGTERM end a command by way of its clean-up, which nothing cuts short."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType
from typing import NoReturn

_SHELL_BASE = 128  # what a shell adds to a signal's number in an exit status


@contextmanager
def ending_cleanly() -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM end the process by way of what clears away; others after it do nothing.

    Exit statuses are a shell's: 130 and 143. A signal that was ignored from the start, as in a job sent to the
    background, stays so.
    """
    if current_thread() is not main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handled = [number for number, handler in before.items() if handler is not signal.SIG_IGN]

    def end(number: int, frame: FrameType | None) -> NoReturn:
        del frame
        came.append(number)
        for one in handled:
            signal.signal(one, signal.SIG_IGN)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(_SHELL_BASE + number)

    for number in handled:
        signal.signal(number, end)
    try:
        yield
    finally:
        if not came:  # else they stay ignored until the process has ended, its own last steps included
            for number in handled:
                signal.signal(number, before[number])
