"""One route from a frame to its class, in a process of its own, as on a device.

``python -m benchmarks.frame_route ROUTE MODEL`` answers each line with the nanoseconds of one frame. In a
process shared by the routes, one would profit from the memory that another has already made the heap grow to.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Route = Callable[[NDArray[np.uint8]], object]
"""Takes a frame, height × width × 3, BGR."""

_LABELS = tuple(map(str, range(1000)))


def bare(model: Path) -> Route:
    """Return the engine and nothing else: what it ran on last, it runs on again."""
    interpreter = _interpreter(model)
    return lambda _: interpreter.invoke()


def ours(model: Path) -> Route:
    """Return the call of a ``Model``."""
    from lepton_edge import open_model

    return open_model(model.with_suffix(".lepton"), backend="tflite", labels=_LABELS)


def tutorial_float(model: Path) -> Route:
    """Return the tutorial's code for a quantized model."""
    from benchmarks import tutorial

    interpreter = _interpreter(model)
    return lambda frame: tutorial.classify(interpreter, frame, _LABELS)


def tutorial_bytes(model: Path) -> Route:
    """Return the tutorial's code for a model that takes bytes as they are."""
    from benchmarks import tutorial

    interpreter = _interpreter(model)
    return lambda frame: tutorial.classify_bytes(interpreter, frame, _LABELS)


ROUTES: Mapping[str, Callable[[Path], Route]] = {
    "bare": bare,
    "ours": ours,
    "tutorial_float": tutorial_float,
    "tutorial_bytes": tutorial_bytes,
}


def _interpreter(model: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(model), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def main() -> None:
    """Answer until the parent hangs up."""
    cv2.setNumThreads(1)
    route = ROUTES[sys.argv[1]](Path(sys.argv[2]))
    frame = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)
    for _ in sys.stdin:
        route(frame.copy())  # back to work after a wait: caches are warm once more
        taken = frame.copy()  # a camera gives each frame as a new array
        start = perf_counter_ns()
        route(taken)
        print(perf_counter_ns() - start, flush=True)


if __name__ == "__main__":
    main()
