"""What a search found, in numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isfinite, nan
from pathlib import Path
from typing import Any, Literal

from lepton_edge_converters.report import Row, SampleCounts, plain
from lepton_edge_converters.report.layers import UNBOUNDED
from lepton_edge_converters.report.numbers import Ratio
from lepton_edge_converters.search.pareto import pareto
from lepton_edge_runtime.timing import Latency

SCHEMA_VERSION = 1
"""Of the JSON: rises when a key goes away or comes to mean something else, not when one is added."""

Cost = Literal["latency", "size"]

_COUNTED = {"macs": "MACs", "params": "params"}


@dataclass(frozen=True, slots=True)
class Worth:
    """How well a file answers, of which more is better.

    Attributes:
        name: ``accuracy``, ``agreement`` with the original, ``cosine``, or the metric's name.
        value: Shares 0 to 1, a metric in its own unit.
        low, high: Its 95 % interval; both the value itself where there is none.
    """

    name: str
    value: float = field(metadata=UNBOUNDED)
    low: float = field(metadata=UNBOUNDED)
    high: float = field(metadata=UNBOUNDED)


@dataclass(frozen=True, slots=True)
class PointFile:
    """One model file of a point.

    Attributes:
        engine: ``tflite`` or ``onnx``.
        size_bytes: Of the file.
        worth: How well it answers, on the samples that judge.
        latency: One thread, interleaved with the files of all other points.
        speedup: How many times as fast as the file of the same scheme and engine with all channels; ``None`` where
            none was asked for.
        on_latency_front: Whether no other file of this engine is as good and takes less time.
        on_size_front: Whether no other file of this engine is as good and smaller.
    """

    engine: str
    size_bytes: int
    worth: Worth
    latency: Latency
    speedup: Ratio | None = None
    on_latency_front: bool = False
    on_size_front: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """What came of one budget with one scheme.

    Attributes:
        name: Of its files in the folder, without what they end in.
        bound: ``speedup``, ``macs`` or ``params``; empty where all channels stay.
        value: What was asked for: how many times as fast, or which share may be left; 1 where all channels stay.
        scheme: How numbers are stored.
        bundle: Its bundle; ``None`` where it could not be made.
        problem: Why not; empty where it could.
        refused: What the recipe's own gates say against it, one sentence each: measured, and not fit to ship.
        parameters, macs: Of the model that was exported; ``None`` where there is none, or it has loops.
        estimated: How many times less than before pruning, of what the bound is about, estimated; ``None`` where all
            channels stay.
        files: One an engine.
    """

    name: str
    bound: str
    value: float
    scheme: str
    bundle: Path | None = None
    problem: str = ""
    refused: tuple[str, ...] = ()
    parameters: int | None = None
    macs: int | None = None
    estimated: float | None = None
    files: tuple[PointFile, ...] = ()

    @property
    def label(self) -> str:
        """What was asked for, in few words."""
        if not self.bound:
            return f"full {self.scheme}"
        if self.bound == "speedup":
            return f"{self.value:g}× {self.scheme}"
        return f"{100 * self.value:.3g}% {_COUNTED[self.bound]} {self.scheme}"


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found.

    Attributes:
        model: Name of the model.
        folder: Where the points lie, with ``search.html`` and ``search.json``.
        task: What the outputs are decoded as.
        worth: What answers are measured by: ``accuracy``, ``agreement``, ``cosine`` or a metric's name.
        original: The original model's; ``None`` where it is what files are compared with.
        samples: What judged the points.
        points: In the order in which they were asked for.
        made: How many were made in this run, or tried to be; of the others it was known already.
        warnings: What the user should know, one sentence each.
        machine: Where latency was measured.
        versions: Of the packages that did it.
        seconds: How long it took, in all.
    """

    model: str
    folder: Path
    task: str
    worth: str
    original: Worth | None
    samples: SampleCounts
    points: tuple[Point, ...]
    made: int
    warnings: tuple[str, ...]
    machine: str
    versions: dict[str, str]
    seconds: float

    @property
    def engines(self) -> tuple[str, ...]:
        """The engines that files were made for."""
        return tuple(dict.fromkeys(file.engine for point in self.points for file in point.files))

    def files(self, engine: str) -> list[tuple[Point, PointFile]]:
        """Return the files of an engine, each with its point."""
        return [(point, file) for point in self.points for file in point.files if file.engine == engine]

    def front(self, engine: str, cost: Cost = "latency") -> list[Point]:
        """Return the points on an engine's Pareto front of worth against a cost, the cheapest first."""
        found = [(point, file) for point, file in self.files(engine) if on_front(file, cost)]
        return [point for point, file in sorted(found, key=lambda one: (COSTS[cost](one[1]), -one[1].worth.value))]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain lists, numbers and strings, for JSON: docs/search.md."""
        written: dict[str, Any] = plain(self)
        return {"schema": SCHEMA_VERSION, **written}


COSTS: dict[Cost, Callable[[PointFile], float]] = {
    "latency": lambda file: file.latency.median_ms,
    "size": lambda file: file.size_bytes,
}


def on_front(file: PointFile, cost: Cost) -> bool:
    """Return whether a file is on its engine's front."""
    return file.on_latency_front if cost == "latency" else file.on_size_front


def on_fronts(files: Sequence[PointFile]) -> list[tuple[bool, bool]]:
    """Return of files of one engine which are on the front against latency, and which on that against size."""
    fronts = [set(pareto([(cost(file), file.worth.value) for file in files])) for cost in COSTS.values()]
    return [(i in fronts[0], i in fronts[1]) for i in range(len(files))]


def worth_of(row: Row, *, metric: bool) -> Worth:
    """Return what tells best how well a version of the model answers.

    Args:
        row: Of a report.
        metric: Whether the recipe names one, which then goes before accuracy.
    """
    score = row.score if row.score is not None and isfinite(row.score.value) else None
    if score is not None and (metric or (row.accuracy is None and row.agreement is None)):
        low, high = (end if isfinite(end) else score.value for end in (score.low, score.high))
        return Worth(score.metric, score.value, low, high)
    for name, share in (("accuracy", row.accuracy), ("agreement", row.agreement)):
        if share is not None:
            return Worth(name, share.value, share.low, share.high)
    cosine = row.cosine if row.cosine is not None else nan
    return Worth("cosine", cosine, cosine, cosine)
