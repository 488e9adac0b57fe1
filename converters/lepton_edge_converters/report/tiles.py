"""What a reader of the page looks for first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lepton_edge_converters.report import Row, words
from lepton_edge_converters.report.charts import NO_FASTER, compared, float_row, speed


@dataclass(frozen=True, slots=True)
class Tile:
    """A name, a number with its unit, and what it means."""

    name: str
    number: str
    meaning: str


def headline_tiles(rows: Sequence[Row]) -> tuple[Tile, ...]:
    """Return four numbers of the first file that ships: two of its answers, its latency, its size."""
    shipped = next((row for row in rows if row.shipped), None)
    if shipped is None:
        return ()
    return (*list(_answers(shipped))[:2], *_costs(shipped, float_row(shipped, rows)))


def _answers(row: Row) -> Iterator[Tile]:
    """Yield what tells how well it answers, the most telling first."""
    if row.accuracy is not None and row.drop is not None:
        yield Tile("Accuracy", words.percent(row.accuracy.value), f"{words.points(row.drop)} points lost")
    if row.score is not None:
        lost = f"{words.number(row.loss.value, '+.3g')} lost" if row.loss else "higher is better"
        yield Tile(words.metric(row.score.metric), words.number(row.score.value, ".4g"), lost)
    if row.agreement is not None:
        yield Tile("Agreement", words.percent(row.agreement.value), f"{words.interval(row.agreement)}")
    if row.sqnr_db is not None:
        yield Tile("SQNR", words.decibels(row.sqnr_db), "original's outputs over the error")
    if row.cosine is not None:
        yield Tile("Cosine", f"{row.cosine:.5f}", "between its outputs and the original's")


def _costs(row: Row, beside: Row | None) -> Iterator[Tile]:
    if row.latency is not None:
        against = _than(speed(row), beside)
        yield Tile("Latency", words.milliseconds(row.latency.median_ms), against or "median of one call")
    if row.size_bytes is not None:
        against = ""
        if beside is not None and beside.size_bytes is not None:
            against = compared(row.size_bytes, beside.size_bytes, "smaller", "larger")
        yield Tile("Size", words.kilobytes(row.size_bytes), _than(against, beside) or "of the file")


def _than(against: str, beside: Row | None) -> str:
    if beside is None or not against:
        return ""
    joined = {"about the same": "as", NO_FASTER: "to"}.get(against, "than")
    return f"{against} {joined} {beside.title}"
