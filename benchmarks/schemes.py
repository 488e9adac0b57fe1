"""Every scheme side by side: accuracy with its interval, size, and latency on each engine."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

import lepton_edge as le
from benchmarks.table import Cell, Table
from benchmarks.workshop import LOOSE, Subject, Workshop
from lepton_edge_converters.errors import ConversionError
from lepton_edge_converters.recipe import SHIPPED
from lepton_edge_converters.report import Report, Row
from lepton_edge_converters.speed import Timings, time_fairly
from lepton_edge_runtime.backends import BACKENDS, open_backend
from lepton_edge_runtime.choice import engine_version
from lepton_edge_runtime.machine import describe_machine
from lepton_edge_runtime.opening import read_candidate

_COLUMNS = ("file", "KB", "accuracy", "drop, points", "agreement", "ms", "(min)", "× float32")
_TITLES = {"tflite": "TFLite", "onnx": "ONNX"}


def measure(workshop: Workshop, seconds: float) -> tuple[Table, ...]:
    """Return a table a model: those given on the command line, else a digit reader of random weights."""
    return tuple(_compare(subject, workshop.folder, seconds) for subject in workshop.judged)


def _compare(subject: Subject, folder: Path, seconds: float) -> Table:
    reports: dict[str, Report] = {}
    notes: list[str] = []
    for scheme in SHIPPED:
        click.echo(f"converting {subject.name} to {scheme} …", err=True)
        recipe = le.Recipe(scheme=scheme, holdout=subject.holdout, gates=LOOSE)
        try:
            reports[scheme] = le.convert(
                subject.keras,
                folder / f"{subject.name}.{scheme}.schemes.lepton",
                data=subject.data,
                preprocess=subject.preprocess,
                recipe=recipe,
            )
        except ConversionError as refused:
            notes.append(f"{scheme}: {refused}")
    timings = time_fairly(dict(_calls(reports)), seconds=seconds * len(SHIPPED))
    return _table(reports, timings, notes)


def _calls(reports: Mapping[str, Report]) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield each file of each bundle, opened and given its first golden sample."""
    for scheme, report in reports.items():
        candidate = read_candidate(report.output)
        assert candidate.golden
        inputs = candidate.golden().inputs
        for name, engine in BACKENDS.items():
            backend = open_backend(name, candidate.members[engine.member](), threads=1)
            places = {spec.name: i for i, spec in enumerate(backend.inputs)}
            for end, samples in zip(candidate.card.inputs, inputs, strict=True):
                backend.input_view(places[end.tensor.name])[...] = samples[0]
            yield f"{_TITLES[name]} {scheme}", backend.run


def _table(reports: Mapping[str, Report], timings: Timings, notes: list[str]) -> Table:
    first = next(iter(reports.values()))
    rows: list[tuple[Cell, ...]] = [("original (Keras)", None, _accuracy(first.row("original")), *[None] * 5)]
    for title in _TITLES.values():
        rows += [_cells(report.row(f"{title} {scheme}"), timings, title) for scheme, report in reports.items()]
    calibrated = max(report.samples.calibration for report in reports.values())
    rounds = max(len(timings.times(f"{title} {scheme}")) for title in _TITLES.values() for scheme in reports)
    samples = (
        f"{calibrated} samples calibrate where that is needed, {first.samples.judged} others judge; 95 % intervals, "
        "those of the drop from the same samples (paired)."
    )
    clock = (
        f"Latency: {rounds} interleaved runs of all files, each right after an untimed one of its own; files that take "
        f"over 8 times the shortest, 6 runs. One thread, {describe_machine()}."
    )
    ratio = "× float32: median over the runs of the time beside that engine's float32 file."
    title = f"Schemes, {first.model}, {engine_version('tflite')}, {engine_version('onnx')}"
    return Table(title, _COLUMNS, tuple(rows), (samples, clock, ratio, *notes))


def _cells(row: Row, timings: Timings, engine: str) -> tuple[Cell, ...]:
    latency, ratio = timings.latency(row.title), timings.ratio(row.title, f"{engine} float32")
    drop = f"{row.drop.points:+.2f} ({row.drop.low:+.2f}, {row.drop.high:+.2f})" if row.drop else None
    agreement = f"{row.agreement.value:.1%}" if row.agreement else None
    size = row.size_bytes // 1024 if row.size_bytes else None
    times = f"{ratio.value:.2f} ({ratio.low:.2f}–{ratio.high:.2f})"
    return row.title, size, _accuracy(row), drop, agreement, latency.median_ms, latency.minimum_ms, times


def _accuracy(row: Row) -> str | None:
    share = row.accuracy
    return f"{share.value:.1%} ({share.low:.1%}–{share.high:.1%})" if share else None
