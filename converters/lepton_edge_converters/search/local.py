"""Processes on this machine that make points, and end when whoever started them does."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Thread
from types import FrameType
from typing import NoReturn

_TERMINATED = 143  # as a shell says of SIGTERM


@contextmanager
def local_processes(jobs: int) -> Iterator[Executor]:
    """Yield an executor of so many fresh processes; an error or Ctrl-C in the block ends what they are doing."""
    # Fresh ones: a copy of a process that has TensorFlow, and its threads, hangs.
    context = get_context("spawn")
    theirs, ours = context.Pipe(duplex=False)
    executor = ProcessPoolExecutor(jobs, mp_context=context, initializer=_listen, initargs=(theirs,))
    with theirs, ours:
        try:
            yield executor
        except BaseException:
            ours.close()
            raise
        finally:
            executor.shutdown(cancel_futures=True)


def _listen(starter: Connection) -> None:
    """End the running job when the process that started this one hangs up, or is gone; runs in the new process.

    Ctrl-C in a terminal comes to all of its processes. Here the one that started this decides, and what is being done
    ends by way of what clears it away.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    Thread(target=_wait, args=(starter,), daemon=True).start()


def _wait(starter: Connection) -> None:
    starter.poll(None)  # nothing is ever sent
    os.kill(os.getpid(), signal.SIGTERM)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    signal.signal(number, signal.SIG_IGN)  # once is enough
    raise SystemExit(_TERMINATED)
