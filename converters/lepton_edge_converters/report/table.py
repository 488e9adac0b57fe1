"""A report as a table in a terminal."""

from typing import IO

from rich.console import Console
from rich.table import Table

from lepton_edge_converters.report import Report, Row


def print_report(report: Report, file: IO[str]) -> None:
    """Print a report, as wide as the terminal, or 120 columns where there is none."""
    console = Console(file=file, highlight=False, width=None if file.isatty() else 120)
    console.print(_heading(report))
    console.print(_versions(report))
    for gate in report.gates:
        mark = "[green]pass[/]" if gate.passed else "[red]REFUSED[/]"
        console.print(f"  {mark}  {gate.name}: {gate.detail}", soft_wrap=True)
    for warning in report.warnings:
        console.print(f"  [yellow]note[/]  {warning}", soft_wrap=True)
    console.print(f"[dim]{_footnote(report)}[/]", soft_wrap=True)


def _heading(report: Report) -> str:
    samples = report.samples
    labels = "with labels" if samples.labelled else "without labels"
    return (
        f"[bold]{report.model}[/]  {report.scheme}, {report.task}, {report.parameters:,} parameters, "
        f"{report.macs / 1e6:,.1f} M multiply-accumulates\n"
        f"samples: {samples.calibration} calibrated, {samples.judged} judged, of {samples.total} "
        f"({labels}; {samples.origin})"
    )


def _versions(report: Report) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for title in ("size", "accuracy", "drop (points)", "agreement", "cosine", "SQNR", "latency"):
        table.add_column(title, justify="right")
    for row in report.rows:
        table.add_row(row.title if row.shipped else f"[dim]{row.title}[/]", *_cells(row))
    return table


def _cells(row: Row) -> list[str]:
    accuracy, drop, agreement = row.accuracy, row.drop, row.agreement
    return [
        f"{row.size_bytes / 1024:,.0f} KB" if row.size_bytes is not None else "",
        f"{accuracy.value:.1%} ({accuracy.low:.1%}–{accuracy.high:.1%})" if accuracy else "",
        f"{drop.points:+.2f} ({drop.low:+.2f}, {drop.high:+.2f})" if drop else "",
        f"{agreement.value:.1%}" if agreement else "",
        f"{row.cosine:.5f}" if row.cosine is not None else "",
        f"{row.sqnr_db:.1f} dB" if row.sqnr_db is not None else "",
        f"{row.latency.median_ms:.3f} ms" if row.latency else "",
    ]


def _footnote(report: Report) -> str:
    runs = max((row.latency.runs for row in report.rows if row.latency), default=0)
    judged = report.samples.judged
    return (
        f"accuracy, drop and agreement on {judged} held-out samples, with 95 % intervals; latency: median of {runs} "
        f"interleaved runs, one thread, {report.machine}"
    )
