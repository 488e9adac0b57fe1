"""Every version of the model in numbers, as the page's table: only columns and lines that have any."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lepton_edge_converters.report import Row, words

_COLUMNS: Mapping[str, Callable[[Row], str]] = {
    "size": lambda row: words.kilobytes(row.size_bytes) if row.size_bytes is not None else "",
    "packed": lambda row: words.kilobytes(row.download_bytes) if row.download_bytes is not None else "",
    "zeros": lambda row: words.percent(row.zeros) if row.zeros is not None else "",
    "accuracy": lambda row: words.percent(row.accuracy.value) if row.accuracy else "",
    "points lost": lambda row: words.number(row.drop.points, "+.2f") if row.drop else "",
    "agreement": lambda row: words.percent(row.agreement.value) if row.agreement else "",
    "metric": lambda row: words.number(row.score.value, ".4g") if row.score else "",
    "metric lost": lambda row: words.number(row.loss.value, "+.3g") if row.loss else "",
    "cosine": lambda row: f"{row.cosine:.5f}" if row.cosine is not None else "",
    "SQNR": lambda row: words.decibels(row.sqnr_db),
    "median": lambda row: words.milliseconds(row.latency.median_ms) if row.latency else "",
    "p90": lambda row: words.milliseconds(row.latency.p90_ms) if row.latency else "",
}


@dataclass(frozen=True, slots=True)
class VersionLine:
    """One version: its title, whether it ships, and one text a column."""

    title: str
    shipped: bool
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VersionTable:
    """Headings of the columns, and the lines beneath."""

    columns: tuple[str, ...]
    lines: tuple[VersionLine, ...]


def version_table(rows: Sequence[Row]) -> VersionTable:
    """Return the table; what is empty in every line or in every column is left out."""
    columns = {name: write for name, write in _COLUMNS.items() if any(write(row) for row in rows)}
    lines = [VersionLine(row.title, row.shipped, tuple(write(row) for write in columns.values())) for row in rows]
    return VersionTable(tuple(columns), tuple(line for line in lines if any(line.cells)))
