"""Latency of several things side by side, so that a busy machine slows all of them alike."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic, perf_counter_ns
from typing import TypeVar

import numpy as np

Progress = Callable[[str, int, int], None]
"""Told what is being done, and how much of how much of it."""

T = TypeVar("T")

NOISY = 1.5
"""A larger spread than this, and the machine was doing something else too."""

_ROUNDS_MIN = 3


@dataclass(frozen=True, slots=True)
class Latency:
    """Wall-clock milliseconds of one call over ``runs`` interleaved ones: percentiles 0, 50, 90 and 99."""

    minimum_ms: float
    median_ms: float
    p90_ms: float
    p99_ms: float
    runs: int

    @property
    def spread(self) -> float:
        """p90 as a multiple of the median: over ``NOISY``, something else was running."""
        return self.p90_ms / self.median_ms


def latency_of(nanoseconds: Sequence[int]) -> Latency:
    """Return the percentiles of times in nanoseconds, interpolated between neighbours as numpy does; at least one."""
    minimum, median, p90, p99 = (float(ns) / 1e6 for ns in np.percentile(nanoseconds, (0, 50, 90, 99)))
    return Latency(minimum, median, p90, p99, len(nanoseconds))


def timed_rounds(
    calls: Mapping[str, Callable[[], object]], *, seconds: float, runs_max: int, warm: bool = False
) -> Iterator[dict[str, int]]:
    """Yield the nanoseconds of each call, timed in turn, one round after the other.

    Args:
        calls: What to time, by name; each has run once before the clock starts.
        seconds: Stop after this long, at the end of a round; at least three rounds are run.
        runs_max: Rounds at most.
        warm: Time each call right after an untimed one of the same. Several models evict each other's weights
            from the processor's caches; on a device there is one.
    """
    for call in calls.values():
        call()
    begin = perf_counter_ns()
    for done in range(runs_max):
        if done >= _ROUNDS_MIN and perf_counter_ns() - begin > seconds * 1e9:
            return
        taken: dict[str, int] = {}
        for name, call in calls.items():
            if warm:
                call()
            start = perf_counter_ns()
            call()
            taken[name] = perf_counter_ns() - start
        yield taken


def watched(rounds: Iterable[T], *, seconds: float, progress: Progress | None) -> Iterator[T]:
    """Yield the rounds, telling ``progress`` twice a second: oftener, it would disturb what is timed."""
    begin = told = monotonic()
    for one in rounds:
        yield one
        now = monotonic()
        if progress and now - told > 0.5:
            told = now
            progress("timing, seconds", min(round(now - begin), round(seconds)), round(seconds))


def time_interleaved(
    calls: Mapping[str, Callable[[], object]], *, seconds: float = 2.0, runs_max: int = 200, warm: bool = False
) -> dict[str, Latency]:
    """Return the latency of each call; the arguments are those of ``timed_rounds``."""
    rounds = list(timed_rounds(calls, seconds=seconds, runs_max=runs_max, warm=warm))
    return {name: latency_of([taken[name] for taken in rounds]) for name in calls}
