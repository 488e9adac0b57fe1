"""What was tried to find the fastest scheme, in a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from lepton_edge_converters.report import Tried, cells

_WIDEST_OUTCOME = len("not judged")


def print_tried(tried: Sequence[Tried], console: Console, *, wide: bool) -> None:
    """Print a line a file, with size, time and drop, and a sentence a scheme: what became of it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("tried", "size", "latency", "× float32", "accuracy", "drop (points)"):
        table.add_column(title, justify="left" if title == "tried" else "right")
    for one in tried:
        for row in one.rows:
            title = f"[bold]{row.title}[/]" if one.outcome == "ships" else row.title
            times = cells.times_float(row, wide=wide)
            drop = cells.drop(row, wide=wide)
            table.add_row(title, cells.size(row), cells.latency(row), times, cells.accuracy(row), drop)
    console.print(table)
    for one in tried:
        outcome = f"{one.outcome:{_WIDEST_OUTCOME}}"
        shown = f"[bold green]{outcome}[/]" if one.outcome == "ships" else outcome
        console.print(f"  {shown}  {cells.shown(f'{one.scheme}: {one.reason}')}")
