"""A 720p frame to its class, start to end, beside the bare engine and the tutorial's code."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

from benchmarks.children import Child
from benchmarks.table import Table, at_least, at_most, side_by_side
from benchmarks.workshop import Workshop
from lepton_edge_runtime.choice import engine_version
from lepton_edge_runtime.timing import Latency, latency_of

_MORE_MS = 0.4
_FASTER = 1.4
_WARM_UP = 5

_TITLES = {
    "bare": "bare invoke, nothing else",
    "ours": "Model(frame)",
    "tutorial_float": "tutorial: float32, then quantized",
    "tutorial_bytes": "tutorial: bytes handed over",
}


def measure(workshop: Workshop, seconds: float) -> tuple[Table, ...]:
    """Return what each route takes from a frame to the five best classes."""
    model = workshop.member(workshop.bundle(workshop.mobilenet_v2), "model.tflite")
    return (_table(_time_routes(model, seconds * len(_TITLES))),)


def _time_routes(model: Path, seconds: float) -> dict[str, Latency]:
    """Return the latency of each route, one frame of each in turn."""
    taken: dict[str, list[int]] = {route: [] for route in _TITLES}
    with ExitStack() as stack:
        children = {route: stack.enter_context(Child("frame_route", route, model)) for route in _TITLES}
        for child in children.values():
            for _ in range(_WARM_UP):
                child.ask()
        begin = monotonic()
        while not taken["bare"] or monotonic() - begin < seconds:
            for route, child in children.items():
                taken[route].append(int(child.ask()))
    return {route: latency_of(times) for route, times in taken.items()}


def _table(latencies: Mapping[str, Latency]) -> Table:
    bare, ours, tutorial = latencies["bare"], latencies["ours"], latencies["tutorial_float"]
    budgets = {
        "ours": at_most(ours.median_ms - bare.median_ms, _MORE_MS, "ms over bare"),
        "tutorial_float": at_least(tutorial.median_ms / ours.median_ms, _FASTER, "× ours"),
    }
    rows = tuple(
        (_TITLES[route], *side_by_side(latency, ours), latency.median_ms - bare.median_ms, budgets.get(route))
        for route, latency in latencies.items()
    )
    notes = (
        f"{bare.runs} frames each, in turn, each route in a process of its own, one thread.",
        "The model takes raw bytes: it rescales inside. Each frame is a new array, as cv2.VideoCapture gives it.",
    )
    columns = ("route", "median", "minimum", "× ours", "× ours (min)", "over bare", "budget")
    return Table(f"720p frame to class, MobileNetV2 int8, {engine_version('tflite')}, ms", columns, rows, notes)
