"""A report as a table in a terminal."""

from collections.abc import Callable, Iterator, Sequence
from typing import IO

from rich.console import Console
from rich.table import Table

from lepton_edge_converters.report import Report, Row, Rung, cells
from lepton_edge_converters.report.remarks import attention_remark, pruned_remark, sparse_remark
from lepton_edge_converters.report.sparse import SparseLayer
from lepton_edge_converters.report.tried import print_tried

_WIDE_COLUMNS = 106


class _Console(Console):
    """One that leaves it to the caller what a reader means who has read enough; rich would end the process."""

    def on_broken_pipe(self) -> None:
        """Raise BrokenPipeError, as any other file does."""
        raise  # noqa: PLE0704 - rich calls it from its handler


def print_report(report: Report, file: IO[str]) -> None:
    """Print a report, as wide as the terminal, or 132 columns where there is none."""
    terminal = file.isatty()
    console = _Console(file=file, highlight=False, width=None if terminal else 132, soft_wrap=not terminal)
    console.print(_heading(report))
    # Intervals and SQNR need a wide terminal; they are in the JSON, and the gates repeat what counts.
    console.print(_versions(report, wide=console.width >= _WIDE_COLUMNS))
    if report.rungs:
        console.print(_ladder(report.rungs))
    if report.tried:
        print_tried(report.tried, console, wide=console.width >= _WIDE_COLUMNS)
    for gate in report.gates:
        mark = "[green]pass[/]" if gate.passed else "[red]REFUSED[/]"
        console.print(f"  {mark}  {cells.shown(f'{gate.name}: {gate.detail}')}")
    for change in report.changes:
        console.print(f"  done  {cells.shown(change)}")
    gates = {gate.name for gate in report.gates}
    for finding in report.lint:
        if f"samples {finding.code}" in gates:
            continue  # said already: it refused
        console.print(f"  [yellow]lint[/]  {cells.shown(f'{finding.code}: {finding.text}')}")
    for warning in report.warnings:
        console.print(f"  [yellow]note[/]  {cells.shown(warning)}")
    if report.sparse is not None:
        console.print(_sparse(report.sparse.layers))
        console.print(f"  [yellow]note[/]  {cells.shown(sparse_remark(report))}")
    for line in _more(report):
        console.print(line)
    console.print(f"[dim]{cells.shown(_footnote(report))}[/]")


def _more(report: Report) -> Iterator[str]:
    """Yield what only some reports have."""
    if report.pruned is not None:
        yield f"  done  {cells.shown(pruned_remark(report.pruned))}"
    if report.attention is not None:
        yield f"  look  {cells.shown(attention_remark(report.attention))}"


def _heading(report: Report) -> str:
    samples = report.samples
    macs = f"{report.macs / 1e6:,.1f} M multiply-accumulates" if report.macs is not None else "loops"
    labels = "with labels" if samples.labelled else "without labels"
    return (
        f"[bold]{cells.shown(report.model)}[/]  {report.scheme}, {report.task}, {report.parameters:,} parameters, "
        f"{macs}\n"
        f"samples: {samples.calibration} calibrated, {samples.judged} judged, of {samples.total} "
        f"({labels}; {cells.shown(samples.origin)})"
    )


def _versions(report: Report, *, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    metric = next((row.score.metric for row in report.rows if row.score), None)
    roomy = wide and not report.samples.labelled  # without accuracy, there is room for one more interval
    columns: list[tuple[str, Callable[[Row], str]]] = [
        ("size", cells.size),
        *(
            [("packed", cells.download), ("zeros", cells.zeros)]
            if any(row.download_bytes for row in report.rows)
            else []
        ),
        ("accuracy", lambda row: cells.accuracy(row, wide=wide)),
        ("drop (points)", lambda row: cells.drop(row, wide=wide)),
        ("agreement", cells.agreement),
        *([(cells.shown(metric.rpartition(":")[2]), lambda row: cells.score(row, wide=roomy))] if metric else []),
        ("cosine", cells.cosine),
        *([("SQNR", cells.sqnr)] if wide else []),
        ("latency", cells.latency),
        ("× float", cells.times_float),
    ]
    for title, _ in columns:
        table.add_column(title, justify="right")
    for row in report.rows:
        title = row.title if row.shipped else f"[dim]{row.title}[/]"
        table.add_row(title, *(write(row) for _, write in columns))
    return table


def _ladder(rungs: Sequence[Rung]) -> Table:
    """Return a row for each version that a rung of the repair made."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("repair")
    for title in ("", "size", "accuracy", "agreement", "latency"):
        table.add_column(title, justify="right" if title else "left")
    for rung in rungs:
        outcome = "[green]passed[/]" if rung.passed else "[red]refused[/]"
        if not rung.rows:
            table.add_row(f"{cells.shown(rung.name)}: [red]not made[/]")
        for i, row in enumerate(rung.rows):
            name = f"{cells.shown(rung.name)}: {outcome}" if i == 0 else ""
            accuracy = cells.accuracy(row, wide=True)
            table.add_row(name, row.title, cells.size(row), accuracy, cells.agreement(row), cells.latency(row))
    return table


def _sparse(layers: Sequence[SparseLayer]) -> Table:
    """Return a row for each layer that has a kernel."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("weights of")
    for title in ("", "zero", "different"):
        table.add_column(title, justify="right")
    table.add_column("left alone")
    for one in layers:
        table.add_row(
            cells.shown(one.layer), f"{one.weights:,}", f"{one.zeros:.1%}", f"{one.values:,}", cells.shown(one.left)
        )
    return table


def _footnote(report: Report) -> str:
    runs = max((row.latency.runs for row in report.rows if row.latency), default=0)
    judged = report.samples.judged
    earlier = (
        ", measured by an earlier run" if report.stages and "artefacts:time_artefacts" in report.stages.reused else ""
    )
    return (
        f"accuracy, drop and agreement on {judged} held-out samples, with 95 % intervals; latency: median of {runs} "
        f"interleaved runs, one thread, {report.machine}{earlier}"
    )
