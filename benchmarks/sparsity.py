"""Sparse weights side by side: what they cost in accuracy, and what is left of an int8 file when it is packed."""

import click

import lepton_edge as le
from benchmarks.table import Cell, Table
from benchmarks.workshop import LOOSE, Subject, Workshop
from lepton_edge_converters.report import Row
from lepton_edge_converters.sparsity.files import weigh
from lepton_edge_converters.thinning import Sparsity

_COLUMNS = ("weights", "zeros", "KB", "KB packed", "accuracy", "drop, points")

_ASKED: dict[str, Sparsity | None] = {
    "as they are": None,
    "50 % zero": Sparsity(zeros=0.5),
    "80 % zero": Sparsity(zeros=0.8),
    "90 % zero": Sparsity(zeros=0.9),
    "2 of 4 stay": Sparsity(zeros="2:4"),
    "16 different": Sparsity(clusters=16),
    "80 % zero, 16 different": Sparsity(zeros=0.8, clusters=16),
}


def measure(workshop: Workshop, seconds: float) -> tuple[Table, ...]:
    """Return a table a model: those given on the command line, else a digit reader of random weights."""
    del seconds
    return tuple(_compare(subject, workshop) for subject in workshop.judged)


def _compare(subject: Subject, workshop: Workshop) -> Table:
    rows: list[tuple[Cell, ...]] = []
    report = None
    for title, sparsity in _ASKED.items():
        click.echo(f"converting {subject.name}, weights {title} …", err=True)
        out = workshop.folder / f"{subject.name}.sparse.lepton"
        recipe = le.Recipe(scheme="int8", formats=("tflite",), holdout=subject.holdout, gates=LOOSE, sparsity=sparsity)
        report = le.convert(
            subject.keras, out, data=subject.data, preprocess=subject.preprocess, recipe=recipe, force=True
        )
        row = report.row("TFLite int8")
        held = weigh(workshop.member(out, "model.tflite"), "tflite")
        rows.append((title, f"{held.zeros:.1%}", *_sizes(row, held.download_bytes)))
    assert report
    note = (
        f"int8 TFLite; {report.samples.judged} samples judge, the others train and calibrate; 95 % intervals. Packed: "
        "deflated, as zip and gzip do."
    )
    return Table(f"Sparse weights, {report.model}", _COLUMNS, tuple(rows), (note,))


def _sizes(row: Row, packed: int) -> tuple[Cell, ...]:
    accuracy, drop = row.accuracy, row.drop
    return (
        (row.size_bytes or 0) // 1024,
        packed // 1024,
        f"{accuracy.value:.1%}" if accuracy else None,
        f"{drop.points:+.2f} ({drop.low:+.2f}, {drop.high:+.2f})" if drop else None,
    )
