"""What a reader of timings should know: how they came about, and what makes them doubtful."""

from collections.abc import Iterator, Sequence

from lepton_edge_runtime.benchmark.footprint import PROCESSES
from lepton_edge_runtime.benchmark.report import BenchRow
from lepton_edge_runtime.timing import NOISY

_P99_RUNS = 100


def warnings_of(rows: Sequence[BenchRow]) -> Iterator[str]:
    """Yield what makes the numbers doubtful, or the model slower than need be, one sentence each."""
    spreads = [one.spread for row in rows for one in (row.call, row.bare)]
    if max(spreads) > NOISY:
        noisy = sum(spread > NOISY for spread in spreads)
        yield (
            f"the machine was noisy: in {noisy} of {len(spreads)} timings p90 is over {NOISY:g} × p50, up to "
            f"{max(spreads):.1f} ×; the minima are the surer numbers"
        )
    fastest = min(rows, key=lambda row: row.call.median_ms)
    integers = [row for row in rows if row.integers]
    if integers and not fastest.integers:
        best = min(integers, key=lambda row: row.call.median_ms)
        yield (
            f"int8 is not the fastest: {fastest.file.name} in float takes {fastest.call.median_ms:.3g} ms "
            f"({fastest.title}), {best.file.name} {best.call.median_ms:.3g} ms ({best.title})"
        )


def notes_of(rows: Sequence[BenchRow]) -> Iterator[str]:
    """Yield how the numbers were measured, one sentence each."""
    runs = rows[0].call.runs
    yield f"{runs} runs of everything in turn, in one process; each timed call follows an untimed one of the same."
    if runs < _P99_RUNS:
        yield f"p99 of {runs} runs is little else than the slowest of them; a larger --seconds gives more."
    yield "Whole call: a frame in memory to a typed result. Bare engine: the same tensors set, run, outputs read."
    yield (
        f"Load and memory: medians of {PROCESSES} fresh processes for each backend; files may be in the disk cache; "
        "growth counts the engine's libraries and the model, not numpy and OpenCV."
    )
    if all(row.integers for row in rows):
        yield "Only int8 was timed; with --beside FLOAT.lepton the float version runs in the same race."
