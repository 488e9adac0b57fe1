"""What a stream does beside inference: looking for motion, saving a film, preparing the next frame meanwhile."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from queue import Queue
from threading import Thread
from time import monotonic, perf_counter_ns, thread_time_ns

import cv2
import numpy as np
from numpy.typing import NDArray

import lepton_edge as le
from benchmarks.table import Cell, Table, at_most, side_by_side
from benchmarks.workshop import Workshop
from lepton_edge_runtime.plan import Plan
from lepton_edge_runtime.recorder import Recorder
from lepton_edge_runtime.timing import Latency, latency_of

_SIZES = {"480p": (640, 480), "720p": (1280, 720), "1080p": (1920, 1080), "2160p": (3840, 2160)}
_BUDGET_MS = 1.0
_FRAMES = 24
_ROUNDS_MIN = 3


def measure(workshop: Workshop, seconds: float) -> tuple[Table, ...]:
    """Return what a gate's look takes, and a frame of a film that is answered and saved, or answered and prepared."""
    gate = _gate(seconds)
    frames = walk(*_SIZES["720p"], _FRAMES)
    with le.open_model(workshop.bundle(workshop.given), backend="tflite") as model:
        saving = time_passes(saving_routes(model, frames, workshop.folder), seconds * 3, len(frames))
        ahead = time_passes(_ahead_routes(model, frames), seconds * 2, len(frames))
    return gate, passes_table("answered and saved", saving), passes_table("prepared and run", ahead)


def walk(width: int, height: int, count: int) -> list[NDArray[np.uint8]]:
    """Return frames in which something walks before a still background, with a camera's noise."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(60, 180, (9, 16, 3), dtype=np.uint8)
    street = cv2.resize(blocks, (width, height), interpolation=cv2.INTER_CUBIC)
    noise = rng.integers(-6, 7, street.shape, dtype=np.int16)
    frames = []
    for i in range(count):
        made = np.clip(street + np.roll(noise, i, axis=1), 0, 255).astype(np.uint8)
        left = width * i // (2 * count)
        made[height // 3 : height // 2, left : left + width // 20] = 20
        frames.append(made)
    return frames


def _gate(seconds: float) -> Table:
    cv2.setNumThreads(1)
    rows: list[tuple[Cell, ...]] = []
    for name, (width, height) in _SIZES.items():
        frames = walk(width, height, _FRAMES)
        gates = {"still": (le.MotionGate(), frames[:1]), "something walks": (le.MotionGate(), frames)}
        routes = {f"{name}, {what}": partial(_look, gate, shown) for what, (gate, shown) in gates.items()}
        for what, (wall, cpu) in time_passes(routes, seconds / 4, _FRAMES).items():
            budget = at_most(cpu.median_ms, _BUDGET_MS, "ms") if name == "720p" else None
            rows.append((what, cpu.median_ms, cpu.minimum_ms, wall.median_ms, budget))
    columns = ("frame", "processor time", "minimum", "by the clock", "budget")
    return Table("A look at a frame, MotionGate, ms", columns, tuple(rows), ("One OpenCV thread.",))


def _look(gate: le.MotionGate, frames: list[NDArray[np.uint8]]) -> None:
    for i in range(_FRAMES):
        gate(le.Frame(frames[i % len(frames)], i, 0.0))


def saving_routes(
    model: le.Model, frames: list[NDArray[np.uint8]], folder: Path, suffix: str = ".mp4"
) -> dict[str, Callable[[], object]]:
    """Return passes over frames: each answered and drawn, and saved by the same thread, by another, or not."""

    def unsaved() -> None:
        for image in frames:
            model(image).draw(image)

    def same_thread() -> None:
        size = (frames[0].shape[1], frames[0].shape[0])
        codec = cv2.VideoWriter_fourcc(*("MJPG" if suffix == ".avi" else "mp4v"))
        writer = cv2.VideoWriter(str(folder / f"same{suffix}"), codec, 10, size)
        for image in frames:
            writer.write(model(image).draw(image))
        writer.release()

    def own_thread() -> None:
        with Recorder(folder / f"own{suffix}", fps=10) as recorder:
            for image in frames:
                recorder.write(model(image).draw(image))

    return {
        "answered and drawn": unsaved,
        f"saved as {suffix} by the same thread": same_thread,
        f"saved as {suffix} by Recorder": own_thread,
    }


def _ahead_routes(model: le.Model, frames: list[NDArray[np.uint8]]) -> dict[str, Callable[[], object]]:
    end = model.card.inputs[0]
    assert end.preprocess is not None
    plan = Plan(end.preprocess, end.picture)

    def one_after_the_other() -> None:
        tensor = np.empty(end.tensor.shape, end.tensor.dtype)
        for image in frames:
            plan(image, tensor)
            model.run((tensor,))

    def ahead() -> None:
        empty: Queue[NDArray[np.uint8]] = Queue()
        full: Queue[NDArray[np.uint8] | None] = Queue()
        for _ in range(2):
            empty.put(np.empty(end.tensor.shape, end.tensor.dtype))

        def prepare() -> None:
            for image in frames:
                tensor = empty.get()
                plan(image, tensor)
                full.put(tensor)
            full.put(None)

        thread = Thread(target=prepare)
        thread.start()
        while (tensor := full.get()) is not None:
            model.run((tensor,))
            empty.put(tensor)
        thread.join()

    return {"prepared, then run": one_after_the_other, "prepared by a second thread": ahead}


def time_passes(
    routes: Mapping[str, Callable[[], object]], seconds: float, each: int
) -> dict[str, tuple[Latency, Latency]]:
    """Return what a frame takes on each route, one pass over ``each`` frames of each in turn.

    By the clock, and of the processor for the calling thread alone: what other threads do meanwhile costs it nothing.
    """
    taken: dict[str, tuple[list[int], list[int]]] = {name: ([], []) for name in routes}
    for call in routes.values():
        call()
    begin = monotonic()
    rounds = 0
    while rounds < _ROUNDS_MIN or monotonic() - begin < seconds:
        rounds += 1
        for name, call in routes.items():
            at, spent = perf_counter_ns(), thread_time_ns()
            call()
            taken[name][0].append((perf_counter_ns() - at) // each)
            taken[name][1].append((thread_time_ns() - spent) // each)
    return {name: (latency_of(wall), latency_of(cpu)) for name, (wall, cpu) in taken.items()}


def passes_table(what: str, latencies: Mapping[str, tuple[Latency, Latency]]) -> Table:
    """Return a table of routes, each beside the first."""
    wall, cpu = next(iter(latencies.values()))
    rows = tuple(
        (name, *side_by_side(by_clock, wall), spent.median_ms, spent.median_ms / cpu.median_ms)
        for name, (by_clock, spent) in latencies.items()
    )
    notes = (
        f"{wall.runs} passes over {_FRAMES} frames each, in turn; the engine has one thread.",
        "'spent': processor time of the thread that answers, which is what is left where another has a core to itself.",
    )
    columns = ("route", "median", "minimum", "× the first", "× the first (min)", "spent", "spent ×")
    return Table(f"A 720p frame {what}, ms", columns, rows, notes)
