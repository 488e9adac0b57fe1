"""The tracker: how long an update takes, and how well numbers hold in simulated crowds."""

from functools import partial

import numpy as np

import lepton_edge as le
from benchmarks.crowds import Moment, crowd
from benchmarks.mot import Scored, quality
from benchmarks.table import Cell, Table, at_most
from benchmarks.workshop import Workshop
from lepton_edge_runtime.results import Detections, Origin, Timing
from lepton_edge_runtime.timing import time_interleaved
from lepton_edge_runtime.tracking import UNTRACKED

_COUNTS = (5, 20, 50, 100)
_RATES = (25, 10, 5)
_DROPPED = (0.0, 0.2)
_BUDGET_MS = 0.3
_ORIGIN = Origin("simulated", Timing(0.0, 0.0))


def measure(workshop: Workshop, seconds: float) -> tuple[Table, ...]:
    """Return the time of an update, and how well numbers hold."""
    del workshop  # needs no model
    return _times(seconds), _qualities()


def detections(moment: Moment) -> Detections:
    """Return what a detector of one class says of a moment."""
    count = len(moment.scores)
    return Detections(moment.boxes, moment.scores, np.zeros(count, np.int64), ("person",) * count, _ORIGIN)


def _times(seconds: float) -> Table:
    """Return medians over updates of crowds; a camera's crowd never stands still, so each update is another."""
    calls = {str(count): partial(_next, _endless(count)) for count in _COUNTS}
    for call in calls.values():
        for _ in range(50):
            call()
    found = time_interleaved(calls, seconds=seconds, runs_max=2000)
    rows: list[tuple[Cell, ...]] = [(int(name), one.median_ms, one.minimum_ms) for name, one in found.items()]
    worst = float(found[str(_COUNTS[-1])].median_ms)
    notes = (
        f"budget for {_COUNTS[-1]}: {at_most(worst, _BUDGET_MS, 'ms')}",
        "10 frames a second, people hide each other.",
    )
    return Table("One update of le.Tracker", ("people", "ms", "ms (min)"), tuple(rows), notes)


class _Endless:
    """A crowd's moments forwards and backwards, its clock always forwards."""

    def __init__(self, people: int) -> None:
        there = [detections(one) for one in crowd(10, people=people, seconds=10)]
        self.moments = [*there, *there[-2:0:-1]]
        self.tracker = le.Tracker()
        self.at = 0


def _endless(people: int) -> _Endless:
    return _Endless(people)


def _next(endless: _Endless) -> None:
    endless.tracker(endless.moments[endless.at % len(endless.moments)], endless.at / 10)
    endless.at += 1


def _qualities() -> Table:
    rows: list[tuple[Cell, ...]] = []
    for fps in _RATES:
        for dropped in _DROPPED:
            moments = crowd(fps, dropped=dropped)
            tracker = le.Tracker()
            frames = []
            for moment in moments:
                told = tracker(detections(moment), moment.seconds)
                kept = told.track_id != UNTRACKED
                boxes = told.xyxy[kept].astype(np.float64)
                frames.append(Scored(moment.numbers, moment.bodies, told.track_id[kept], boxes))
            found = quality(frames)
            rows.append((fps, f"{dropped:.0%}", 100 * found.idf1, 100 * found.mota, found.switches, found.numbers))
    columns = ("frames a second", "dropped", "IDF1, %", "MOTA, %", "switches", "numbers for 40 people")
    notes = ("30 s of a simulated crowd, half of it hidden at times; the same people at each rate.",)
    return Table("How well numbers hold", columns, tuple(rows), notes)
