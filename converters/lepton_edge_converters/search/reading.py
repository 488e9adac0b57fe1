"""Points as they lie in the folder, read into what a search found."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf, isfinite, nan
from pathlib import Path
from typing import Any

import msgspec

from lepton_edge_converters.report import Row, SampleCounts
from lepton_edge_converters.search.asked import Asked
from lepton_edge_converters.search.found import Point, PointFile, Worth, on_fronts, worth_of
from lepton_edge_converters.search.stamp import Stamp
from lepton_edge_converters.search.timing import timed_as
from lepton_edge_converters.speed import Timings
from lepton_edge_runtime.errors import OutputError

_COUNTED = {"speedup": "milliseconds", "macs": "macs", "params": "parameters"}


class _Costs(msgspec.Struct, frozen=True):
    before: dict[str, float]
    after: dict[str, float]


class PointReport(msgspec.Struct, frozen=True):
    """Of a point's report, what a search takes over."""

    model: str
    task: str
    parameters: int
    macs: int | None
    samples: SampleCounts
    rows: tuple[Row, ...]
    pruned: _Costs | None

    @property
    def original(self) -> Row:
        """The original model's row, which is the first."""
        return self.rows[0]


def read_point_report(bundle: Path) -> PointReport:
    """Return what is needed of the report beside a point's bundle.

    Raises:
        OutputError: It cannot be read.
    """
    path = bundle.with_suffix(".report.json")
    try:
        content: dict[str, Any] = msgspec.json.decode(path.read_bytes())
        for row in content["rows"]:
            row["score"] = _with_numbers(row["score"])
            row["loss"] = _with_numbers(row["loss"])
        return msgspec.convert(content, PointReport)
    except (OSError, msgspec.DecodeError, KeyError, TypeError) as problem:
        raise OutputError(f"cannot read {path}: {problem}; remove it, and search again") from problem


def gather_points(
    asked: Sequence[Asked],
    stamps: Mapping[str, Stamp],
    reports: Mapping[str, PointReport],
    timings: Timings,
    folder: Path,
) -> tuple[Point, ...]:
    """Return all points, those on the fronts marked.

    Args:
        asked: What was asked for.
        stamps: By name.
        reports: By name, of those that could be made.
        timings: Of their files.
        folder: Where they lie.
    """
    points = [_point(one, stamps[one.name], reports.get(one.name), timings, folder) for one in asked]
    for engine in dict.fromkeys(file.engine for point in points for file in point.files):
        places = [(i, k) for i, one in enumerate(points) for k, file in enumerate(one.files) if file.engine == engine]
        marks = on_fronts([points[i].files[k] for i, k in places])
        for (i, k), (quick, small) in zip(places, marks, strict=True):
            files = list(points[i].files)
            files[k] = replace(files[k], on_latency_front=quick, on_size_front=small)
            points[i] = replace(points[i], files=tuple(files))
    return tuple(points)


def original_worth(report: PointReport, *, metric: bool) -> Worth | None:
    """Return how well the original answers; ``None`` where it is the measure itself."""
    found = worth_of(report.original, metric=metric)
    return found if isfinite(found.value) else None


def shipped_engines(report: PointReport) -> dict[str, Row]:
    """Return the files that ship, by engine."""
    return {row.title.partition(" ")[0].lower(): row for row in report.rows if row.shipped}


def _point(asked: Asked, stamp: Stamp, report: PointReport | None, timings: Timings, folder: Path) -> Point:
    bundle = folder / f"{asked.name}.lepton"
    point = Point(
        name=asked.name,
        bound=asked.bound or "",
        value=asked.value,
        scheme=asked.scheme,
        problem=stamp.problem,
        refused=stamp.refused,
    )
    if report is None:
        return point
    files = tuple(
        PointFile(
            engine=engine,
            size_bytes=row.size_bytes or 0,
            worth=worth_of(row, metric=bool(asked.recipe.metric)),
            latency=timings.latency(timed_as(bundle, engine)),
            speedup=_speedup(asked, bundle, engine, timings),
        )
        for engine, row in shipped_engines(report).items()
    )
    return replace(
        point,
        bundle=bundle,
        parameters=report.parameters,
        macs=report.macs,
        estimated=_estimated(asked, report),
        files=files,
    )


def _speedup(asked: Asked, bundle: Path, engine: str, timings: Timings) -> Any:
    """Return the time of the file with all channels as a multiple of this one's."""
    whole = timed_as(bundle.with_name(f"full-{asked.scheme}.lepton"), engine)
    if asked.bound is None or not any(whole in taken for taken in timings.rounds):
        return None
    return timings.ratio(whole, timed_as(bundle, engine))


def _estimated(asked: Asked, report: PointReport) -> float | None:
    if asked.bound is None or report.pruned is None:
        return None
    name = _COUNTED[asked.bound]
    return report.pruned.before[name] / report.pruned.after[name]


def _with_numbers(written: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a metric's numbers, what JSON has no word for as what it was: no number, or no end."""
    if written is None:
        return None
    missing = {"value": nan, "low": -inf, "high": inf}
    return {name: missing.get(name) if one is None else one for name, one in written.items()}
