"""What was tried to find the fastest scheme, in a terminal."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from lepton_edge_converters.report import Row, Tried

_WIDEST_OUTCOME = len("not judged")


def print_tried(tried: Sequence[Tried], console: Console, *, wide: bool) -> None:
    """Print a line a file, with size, time and drop, and a sentence a scheme: what became of it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("tried", "size", "latency", "× float32", "accuracy", "drop (points)"):
        table.add_column(title, justify="left" if title == "tried" else "right")
    for one in tried:
        for row in one.rows:
            title = f"[bold]{row.title}[/]" if one.outcome == "ships" else row.title
            table.add_row(title, *_cells(row, wide=wide))
    console.print(table)
    for one in tried:
        outcome = f"{one.outcome:{_WIDEST_OUTCOME}}"
        shown = f"[bold green]{outcome}[/]" if one.outcome == "ships" else outcome
        console.print(f"  {shown}  {one.scheme}: {one.reason}")


def _cells(row: Row, *, wide: bool) -> Iterator[str]:
    ratio, accuracy, drop = row.times_float, row.accuracy, row.drop
    yield f"{row.size_bytes / 1024:,.0f} KB" if row.size_bytes is not None else ""
    yield f"{row.latency.median_ms:.3f} ms" if row.latency else ""
    yield (
        ""
        if ratio is None
        else f"{ratio.value:.2f} ({ratio.low:.2f}–{ratio.high:.2f})"
        if wide
        else f"{ratio.value:.2f}"
    )
    yield f"{accuracy.value:.1%}" if accuracy else ""
    yield (
        ""
        if drop is None
        else f"{drop.points:+.2f} ({drop.low:+.2f}, {drop.high:+.2f})"
        if wide
        else f"{drop.points:+.2f}"
    )
