"""What was tried to find the fastest scheme, as a table in a terminal."""

from collections.abc import Sequence

from rich.table import Table

from lepton_edge_converters.report import Row, Tried


def tried_table(tried: Sequence[Tried], *, wide: bool) -> Table:
    """Return a line a file: size, time, time beside float32, accuracy, and what became of the scheme."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("tried", "size", "latency", "× float32", "drop (points)"):
        table.add_column(title, justify="left" if title == "tried" else "right")
    table.add_column("")
    for one in tried:
        if not one.rows:
            table.add_row(f"[dim]{one.scheme}[/]", "", "", "", "", f"{one.outcome}: {one.reason}")
        for i, row in enumerate(one.rows):
            said = f"[bold]{one.outcome}[/]: {one.reason}" if one.outcome == "ships" else f"{one.outcome}: {one.reason}"
            table.add_row(row.title, *_cells(row, wide=wide), said if i == 0 else "")
    return table


def _cells(row: Row, *, wide: bool) -> list[str]:
    ratio, drop = row.times_float, row.drop
    times = f"{ratio.value:.2f}" if ratio else ""
    lost = f"{drop.points:+.2f}" if drop else ""
    if wide and ratio:
        times += f" ({ratio.low:.2f}–{ratio.high:.2f})"
    if wide and drop:
        lost += f" ({drop.low:+.2f}, {drop.high:+.2f})"
    return [
        f"{row.size_bytes / 1024:,.0f} KB" if row.size_bytes is not None else "",
        f"{row.latency.median_ms:.3f} ms" if row.latency else "",
        times,
        lost,
    ]
