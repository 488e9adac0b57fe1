"""What was measured, as tables and bars: times as ratios to ours, whose spread is that of the rounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import msgspec
import numpy as np

from benchmarks.peers.agreement import AGREES
from benchmarks.peers.measuring import Measured
from benchmarks.peers.rows import LEFT_OUT, PEERS
from benchmarks.table import Cell, Table
from lepton_edge_converters.report.axis import round_axis
from lepton_edge_converters.report.svg_bars import Bar, draw_bars

_LONGEST = 6.0
"""Bars end here, whatever is longer: the others would be too short to be told apart."""

_COLUMNS = (
    "peer", "file", "frame, ms", "× ours", "CPU, ms", "CPU, × ours", "agrees, %", "load, ms", "import, ms",
    "resident, MB", "installed, MB",
)  # fmt: skip


class Run(msgspec.Struct, frozen=True):
    """One case, measured.

    Attributes:
        title: Of the case.
        threads: Of each peer.
        machine: Where.
        calls: Frames a round.
        peers: By name, those that serve and those that do not.
        load: How many processes were waiting for a core when it began.
    """

    title: str
    threads: int
    machine: str
    calls: int
    peers: Mapping[str, Measured]
    load: float = 0.0

    @property
    def served(self) -> dict[str, Measured]:
        """Those with times."""
        return {name: one for name, one in self.peers.items() if one.rounds}

    @property
    def reference(self) -> str:
        """The first of ours that serves."""
        return next(iter(self.served), "")


@dataclass(frozen=True, slots=True)
class Against:
    """How many times as long as ours a frame takes: the median over rounds, and its first and third quarter."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.middle:.2f} ({self.low:.2f}–{self.high:.2f})"


def against(run: Run, name: str, *, cpu: bool = False) -> Against | None:
    """Return a peer's ratio to ours, round by round; ``None`` where it says something else, and for ours itself.

    Args:
        run: The case.
        name: Of the peer.
        cpu: Of the processors' time, instead of a clock's.
    """
    one, ours = run.peers[name], run.peers[run.reference]
    if name == run.reference or not comparable(run, name):
        return None
    times = zip(one.cpu, ours.cpu, strict=True) if cpu else zip(one.rounds, ours.rounds, strict=True)
    ratios = [theirs / own for theirs, own in times]
    low, middle, high = (float(value) for value in np.percentile(ratios, (25, 50, 75)))
    return Against(middle, low, high)


def comparable(run: Run, name: str) -> bool:
    """Return whether a peer answers as ours does."""
    agrees = run.peers[name].agrees
    return name == run.reference or (agrees is not None and agrees >= AGREES)


def table(run: Run) -> Table:
    """Return the table of a case: ours first, then the fastest first."""
    names = sorted(run.served, key=lambda name: (name != run.reference, median(run.peers[name].rounds)))
    rows = tuple(_row(run, name) for name in names)
    threads = f"{run.threads} thread{'s' if run.threads > 1 else ''}"
    return Table(f"{run.title}, {threads}", _COLUMNS, rows, tuple(_notes(run)))


def _row(run: Run, name: str) -> tuple[Cell, ...]:
    one = run.peers[name]
    wall, cpu = against(run, name), against(run, name, cpu=True)
    same = "1" if name == run.reference else "answers differently"
    return (
        PEERS[name].title,
        {"described": "tflite"}.get(one.kind, one.kind),
        median(one.rounds),
        str(wall) if wall else same,
        median(one.cpu),
        str(cpu) if cpu else same,
        "" if one.agrees is None else f"{100 * one.agrees:.0f}",
        median(one.load_ms),
        median(one.import_ms),
        median(one.resident_mb),
        one.installed_mb,
    )


def _notes(run: Run) -> list[str]:
    ours = run.peers[run.reference]
    busy = f"{run.load:.1f} processes wanted a core before it began"
    notes = [f"{run.machine}; {len(ours.rounds)} rounds of {run.calls} frames; {busy}."]
    if ours.agrees is not None:
        notes.append(f"Of what is on the frames, and of what ours says, {100 * ours.agrees:.0f} % is the same.")
    refused = [f"{PEERS[name].title}: {one.refused}" for name, one in run.peers.items() if one.refused]
    if refused:
        notes.append("Not measured. " + "; ".join(f"*{one}*" for one in refused) + ".")
    return notes


def versions_table(runs: Sequence[Run]) -> Table:
    """Return which packages each peer ran on, and how it was set up."""
    seen: dict[str, Measured] = {}
    for run in runs:
        seen |= {name: one for name, one in run.served.items() if one.versions}
    rows = tuple(
        (peer.title, ", ".join(f"{what} {which}" for what, which in seen[name].versions.items()), peer.settings)
        for name, peer in PEERS.items()
        if name in seen
    )
    return Table("Versions and settings", ("peer", "versions", "settings"), rows, tuple(_left_out()))


def _left_out() -> list[str]:
    return [f"{name} is not measured: {why}." for name, why in LEFT_OUT.items()]


def bars(runs: Sequence[Run]) -> str:
    """Return an SVG of how many times as long as ours each peer takes for a frame, case by case."""
    shown = [(run, name, ratio) for run in runs for name in run.served if (ratio := against(run, name))]
    longest = min(_LONGEST, max((ratio.middle for _, _, ratio in shown), default=1.0))
    axis = round_axis(0.0, longest)
    drawn = []
    for run in runs:
        if not run.served:
            continue
        ours = run.peers[run.reference]
        drawn.append(
            Bar(run.title, axis.at(1.0), f"1: {median(ours.rounds):.2f} ms, {PEERS[run.reference].title}", marked=True)
        )
        several = [(name, ratio) for one, name, ratio in shown if one is run]
        for name, ratio in sorted(several, key=lambda pair: pair[1].middle):
            drawn.append(Bar(PEERS[name].title, axis.at(ratio.middle), f"{ratio.middle:.2f}"))
    note = "Median over rounds. Red is ours, under it its peers without those that answer differently."
    return draw_bars("Frame to result: times as long as ours", note, drawn, [(one.at, one.text) for one in axis.ticks])
