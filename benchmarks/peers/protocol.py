"""What a measured process and the one that drives it say to each other: a line of JSON each way.

``python -m benchmarks.peers.protocol MODULE THREADS`` serves a module like those in ``served``. It runs in the peer's
own environment: nothing but the standard library, and no newer Python than 3.10, is taken for granted here.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module, metadata
from itertools import cycle
from pathlib import Path
from time import perf_counter_ns, process_time_ns
from typing import Any, NamedTuple, Protocol, cast


class Named(NamedTuple):
    """A class, and how sure of it the model is; of things in the frame also left, top, right, bottom in its pixels."""

    label: str
    score: float
    box: tuple[float, float, float, float] | None = None


Answer = Callable[[Any], Sequence[Named]]
"""From a frame (BGR, ``uint8``) to what is on it, the surest first."""


@dataclass(frozen=True)
class Job:
    """A model to load, and what is to be known of it.

    Attributes:
        file: The model, in the format that the peer takes.
        task: ``classify`` or ``detect``.
        head: How boxes are laid out: ``yolo`` (columns; shares if ``int8``, else pixels), ``yolox``, ``ssd``
            (suppressed in the file already).
        size: Width and height of the pictures that it takes.
        letterbox: Whether frames keep their shape; else they are stretched.
        bgr: Whether it expects blue first.
        labels: Names of the classes.
        int8: Whether weights and activations are 8 bits.
        threads: How many the engine may use.
        min_score, iou: Least score of a box; most overlap of two of one class.
        top: How many classes a classifier tells.
        card: Whether the file itself tells us all of this.
        step, zero: What a step of an output of bytes is worth, and which byte is nothing: not every engine tells.
        top: How many classes a classifier tells.
    """

    file: str
    task: str
    size: tuple[int, int]
    labels: tuple[str, ...]
    int8: bool
    head: str = ""
    letterbox: bool = False
    bgr: bool = False
    threads: int = 1
    min_score: float = 0.25
    iou: float = 0.45
    top: int = 5
    card: bool = True
    step: float = 0.0
    zero: int = 0


class CannotServeError(Exception):
    """The peer has no way to run this model; the message says why, for the page."""


class Served(Protocol):
    """What a module of ``served`` offers. Importing it imports no package: that is timed."""

    PACKAGES: Sequence[str]
    """Distributions whose versions the page tells; the engine first."""

    IMPORTS: Sequence[str]
    """What ``load`` will need."""

    def load(self, job: Job) -> Answer:
        """Return what answers, ready to run; raise ``CannotServeError`` for what it cannot run."""
        ...


def serve(module: str, threads: int) -> None:
    """Answer what is asked on standard input until it ends."""
    if hasattr(os, "sched_setaffinity"):  # so that none has more than it was given, whatever it starts
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    # Packages print to where answers go: what they say goes to the log.
    said, standard = os.fdopen(os.dup(1), "w", encoding="utf-8"), os.dup2(2, 1)
    assert standard == 1
    one = _Serving(cast("Served", import_module(module)))
    for line in sys.stdin:
        asked = json.loads(line)
        answer = getattr(one, "on_" + asked.pop("do"))(**asked)
        said.write(json.dumps(answer) + "\n")
        said.flush()


class _Serving:
    """What may be asked, by name, and in this order; times are in nanoseconds."""

    def __init__(self, module: Served) -> None:
        self._module = module
        self._answer: Answer | None = None
        self._frames: list[Any] = []
        self._next: Any = None

    def on_import(self) -> dict[str, Any]:
        """Import the peer's packages."""
        wall, cpu = perf_counter_ns(), process_time_ns()
        for name in self._module.IMPORTS:
            import_module(name)
        cpu, wall = process_time_ns() - cpu, perf_counter_ns() - wall
        return {"cpu": cpu, "wall": wall}

    def on_load(self, job: dict[str, Any], frame: str) -> dict[str, Any]:
        """Load a model and answer one frame, a ``.npy`` file."""
        import numpy as np

        first = np.load(frame)
        job["labels"], job["size"] = tuple(job["labels"]), tuple(job["size"])
        wall, cpu = perf_counter_ns(), process_time_ns()
        try:
            self._answer = self._module.load(Job(**job))
            self._answer(first)
        except CannotServeError as why:
            return {"cannot": str(why)}
        cpu, wall = process_time_ns() - cpu, perf_counter_ns() - wall
        return {"cpu": cpu, "wall": wall, **resident()}

    def on_answers(self, frames: str) -> list[Sequence[Named]]:
        """Take the frames, a ``.npy`` file, and tell what is on each."""
        import numpy as np

        assert self._answer
        # Each an array of its own, as a camera gives them.
        self._frames = [np.ascontiguousarray(frame) for frame in np.load(frames)]
        self._next = cycle(self._frames)
        return [self._answer(frame) for frame in self._frames]

    def on_round(self, calls: int) -> dict[str, Any]:
        """Time so many calls, a frame after the other, and the processor's time of all of them."""
        answer = self._answer
        assert answer
        walls = []
        cpu = process_time_ns()
        for _ in range(calls):
            frame = next(self._next)
            begin = perf_counter_ns()
            answer(frame)
            walls.append(perf_counter_ns() - begin)
        return {"walls": walls, "cpu": process_time_ns() - cpu}

    def on_versions(self) -> dict[str, str]:
        """Tell the versions of the peer's packages, and Python's."""
        versions = {name: metadata.version(name) for name in self._module.PACKAGES}
        return {**versions, "Python": sys.version.split()[0]}


def resident() -> dict[str, float]:
    """Return the megabytes of memory that this process has, and had at most."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}
    return {"now_mb": kilobytes["VmRSS"] / 1024, "peak_mb": kilobytes["VmHWM"] / 1024}


if __name__ == "__main__":
    # Under its own name too: the served modules raise its error.
    from benchmarks.peers.protocol import serve as _serve

    _serve(sys.argv[1], int(sys.argv[2]))
