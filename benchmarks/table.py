"""What a benchmark answers: a table, printed as plain text."""

from collections.abc import Sequence
from dataclasses import dataclass

from lepton_edge_runtime.timing import Latency

Cell = str | float | int | None


@dataclass(frozen=True, slots=True)
class Table:
    """One comparison.

    Attributes:
        title: What was compared with what, and the unit of the times.
        columns: Heads.
        rows: One cell a column; ``None`` where there is nothing to say.
        notes: How it was measured, one sentence each.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = ["  ".join(texts).rstrip() for texts in zip(*self._texts(), strict=True)]
        return "\n".join([self.title, "", *lines, *(f"  {note}" for note in self.notes)])

    def markdown(self) -> str:
        """Return it for a page, the title as a heading of the third level."""
        columns = [[text.strip() for text in texts] for texts in self._texts()]
        lines = [f"| {' | '.join(texts)} |" for texts in zip(*columns, strict=True)]
        lines[1] = f"|{'---|' * len(columns)}"
        return "\n\n".join([f"### {self.title}", "\n".join(lines), *self.notes])

    def _texts(self) -> list[list[str]]:
        return [_column(head, cells) for head, cells in zip(self.columns, zip(*self.rows, strict=True), strict=True)]


def side_by_side(latency: Latency, reference: Latency) -> tuple[float, float, float, float]:
    """Return median and minimum in ms, and both as multiples of the reference's."""
    return (
        latency.median_ms,
        latency.minimum_ms,
        latency.median_ms / reference.median_ms,
        latency.minimum_ms / reference.minimum_ms,
    )


def at_most(value: float, limit: float, unit: str) -> str:
    """Return a budget that is an upper bound, and whether ``value`` keeps it."""
    return f"≤ {limit:g} {unit}: {'kept' if value <= limit else 'MISSED'}"


def at_least(value: float, limit: float, unit: str) -> str:
    """Return a budget that is a lower bound, and whether ``value`` keeps it."""
    return f"≥ {limit:g} {unit}: {'kept' if value >= limit else 'MISSED'}"


def _column(head: str, cells: Sequence[Cell]) -> list[str]:
    """Return the head, a rule, and the cells, all of one width: words to the left, numbers to the right."""
    numbers = [abs(cell) for cell in cells if isinstance(cell, float | int) and cell]
    # About three digits of the smallest: more would only be the machine's noise.
    digits = 0 if min(numbers, default=0) >= 100 else 1 if min(numbers, default=0) >= 10 else 2
    texts = [f"{cell:.{digits}f}" if isinstance(cell, float) else "" if cell is None else str(cell) for cell in cells]
    width = max(map(len, [head, *texts]))
    return [text.rjust(width) if numbers else text.ljust(width) for text in [head, "─" * width, *texts]]
