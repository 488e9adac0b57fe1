"""Every scheme side by side: accuracy with its interval, size, and latency on each engine."""

from collections.abc import Iterator
from pathlib import Path

import click

import lepton_edge as le
from benchmarks.table import Cell, Table
from benchmarks.workshop import LOOSE, Subject, Workshop
from lepton_edge_converters.report import Report, Row
from lepton_edge_runtime.choice import engine_version

_COLUMNS = ("file", "KB", "accuracy", "drop, points", "agreement", "ms", "(min)", "× float32", "(95 %)")


def measure(workshop: Workshop, seconds: float) -> tuple[Table, ...]:
    """Return a table a model: those given on the command line, else a digit reader of random weights.

    The time is that of ``convert(fastest=True)``, which times every file side by side, half a second each.
    """
    del seconds
    return tuple(_compare(subject, workshop.folder) for subject in workshop.judged)


def _compare(subject: Subject, folder: Path) -> Table:
    report = _converted(subject, folder, le.Recipe(scheme="int8", fastest=True, holdout=subject.holdout, gates=LOOSE))
    rows = {row.title: row for tried in report.tried for row in tried.rows}
    judged = dict(rows)
    for tried in report.tried:
        if tried.outcome == "not judged":
            recipe = le.Recipe(scheme=tried.scheme, holdout=subject.holdout, gates=LOOSE)  # type: ignore[arg-type]  # a scheme
            alone = _converted(subject, folder, recipe)
            judged |= {row.title: row for row in alone.rows if row.shipped}
    titles = sorted(rows, key=lambda title: (title.split()[0] != "TFLite", rows[title].latency.median_ms))  # type: ignore[union-attr]  # all are timed
    original: tuple[Cell, ...] = ("original (Keras)", None, _accuracy(report.row("original")), *[None] * 6)
    cells = (original, *(_cells(rows[title], judged[title]) for title in titles))
    title = f"Schemes, {report.model}, {engine_version('tflite')}, {engine_version('onnx')}"
    return Table(title, _COLUMNS, cells, tuple(_notes(report, rows)))


def _converted(subject: Subject, folder: Path, recipe: le.Recipe) -> Report:
    click.echo(f"converting {subject.name} to {'every scheme' if recipe.fastest else recipe.scheme} …", err=True)
    out = folder / f"{subject.name}.schemes.lepton"
    return le.convert(subject.keras, out, data=subject.data, preprocess=subject.preprocess, recipe=recipe, force=True)


def _notes(report: Report, rows: dict[str, Row]) -> Iterator[str]:
    rounds = [row.latency.runs for row in rows.values() if row.latency]
    yield (
        f"{report.samples.calibration} samples calibrate where that is needed, {report.samples.judged} others judge; "
        "95 % intervals, those of the drop from the same samples (paired)."
    )
    yield (
        f"Latency: {max(rounds)} interleaved runs of all files, each right after an untimed one of its own; "
        f"{min(rounds)} of those that take over 8 times as long as the middle one. One thread, {report.machine}."
    )
    yield "× float32: median over the runs of the time beside that engine's float32 file."
    for tried in report.tried:
        if tried.outcome in ("ships", "not made"):
            yield f"{tried.scheme} {tried.outcome}: {tried.reason}."


def _cells(timed: Row, judged: Row) -> tuple[Cell, ...]:
    latency, ratio, drop = timed.latency, timed.times_float, judged.drop
    assert latency
    assert ratio
    return (
        timed.title,
        timed.size_bytes // 1024 if timed.size_bytes else None,
        _accuracy(judged),
        f"{drop.points:+.2f} ({drop.low:+.2f}, {drop.high:+.2f})" if drop else None,
        f"{judged.agreement.value:.1%}" if judged.agreement else None,
        latency.median_ms,
        latency.minimum_ms,
        f"{ratio.value:.2f}",
        f"{ratio.low:.2f}–{ratio.high:.2f}",
    )


def _accuracy(row: Row) -> str | None:
    share = row.accuracy
    return f"{share.value:.1%} ({share.low:.1%}–{share.high:.1%})" if share else None
