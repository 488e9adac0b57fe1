"""A report as a table in a terminal."""

from typing import IO

from rich.console import Console
from rich.table import Table

from lepton_edge_converters.report import Report, Row
from lepton_edge_converters.report.tried import print_tried

_WIDE_COLUMNS = 106


def print_report(report: Report, file: IO[str]) -> None:
    """Print a report, as wide as the terminal, or 120 columns where there is none."""
    terminal = file.isatty()
    console = Console(file=file, highlight=False, width=None if terminal else 120, soft_wrap=not terminal)
    console.print(_heading(report))
    # Intervals and SQNR need a wide terminal; they are in the JSON, and the gates repeat what counts.
    console.print(_versions(report, wide=console.width >= _WIDE_COLUMNS))
    if report.tried:
        print_tried(report.tried, console, wide=console.width >= _WIDE_COLUMNS)
    for gate in report.gates:
        mark = "[green]pass[/]" if gate.passed else "[red]REFUSED[/]"
        console.print(f"  {mark}  {gate.name}: {gate.detail}")
    for warning in report.warnings:
        console.print(f"  [yellow]note[/]  {warning}")
    console.print(f"[dim]{_footnote(report)}[/]")


def _heading(report: Report) -> str:
    samples = report.samples
    macs = f"{report.macs / 1e6:,.1f} M multiply-accumulates" if report.macs is not None else "loops"
    labels = "with labels" if samples.labelled else "without labels"
    return (
        f"[bold]{report.model}[/]  {report.scheme}, {report.task}, {report.parameters:,} parameters, "
        f"{macs}\n"
        f"samples: {samples.calibration} calibrated, {samples.judged} judged, of {samples.total} "
        f"({labels}; {samples.origin})"
    )


def _versions(report: Report, *, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for title in ("size", "accuracy", "drop (points)", "agreement", "cosine", "SQNR", "latency", "× float"):
        if wide or title != "SQNR":
            table.add_column(title, justify="right")
    for row in report.rows:
        table.add_row(row.title if row.shipped else f"[dim]{row.title}[/]", *_cells(row, wide=wide))
    return table


def _cells(row: Row, *, wide: bool) -> list[str]:
    accuracy, drop = row.accuracy, row.drop
    accurate = f"{accuracy.value:.1%}" if accuracy else ""
    lost = f"{drop.points:+.2f}" if drop else ""
    if wide and accuracy:
        accurate += f" ({accuracy.low:.1%}–{accuracy.high:.1%})"
    if wide and drop:
        lost += f" ({drop.low:+.2f}, {drop.high:+.2f})"
    noise = [f"{row.sqnr_db:.1f} dB" if row.sqnr_db is not None else ""] if wide else []
    return [
        f"{row.size_bytes / 1024:,.0f} KB" if row.size_bytes is not None else "",
        accurate,
        lost,
        f"{row.agreement.value:.1%}" if row.agreement else "",
        f"{row.cosine:.5f}" if row.cosine is not None else "",
        *noise,
        f"{row.latency.median_ms:.3f} ms" if row.latency else "",
        f"{row.times_float.value:.2f}" if row.times_float else "",
    ]


def _footnote(report: Report) -> str:
    runs = max((row.latency.runs for row in report.rows if row.latency), default=0)
    judged = report.samples.judged
    return (
        f"accuracy, drop and agreement on {judged} held-out samples, with 95 % intervals; latency: median of {runs} "
        f"interleaved runs, one thread, {report.machine}"
    )
