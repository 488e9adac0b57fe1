"""Latency of several things side by side, so that a busy machine slows all of them alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter_ns

import numpy as np


@dataclass(frozen=True, slots=True)
class Latency:
    """Wall-clock milliseconds of one call, over ``runs`` interleaved calls."""

    minimum_ms: float
    median_ms: float
    runs: int


def time_interleaved(
    calls: Mapping[str, Callable[[], object]], *, seconds: float = 2.0, runs_max: int = 200
) -> dict[str, Latency]:
    """Return the latency of each call, timed in turn, one round after the other.

    Args:
        calls: What to time, by name; each has run once before the clock starts.
        seconds: Stop after this long, at the end of a round; at least three rounds are run.
        runs_max: Rounds at most.
    """
    for call in calls.values():
        call()
    taken: dict[str, list[int]] = {name: [] for name in calls}
    begin = perf_counter_ns()
    for done in range(runs_max):
        if done >= 3 and perf_counter_ns() - begin > seconds * 1e9:
            break
        for name, call in calls.items():
            start = perf_counter_ns()
            call()
            taken[name].append(perf_counter_ns() - start)
    return {name: Latency(min(times) / 1e6, float(np.median(times)) / 1e6, len(times)) for name, times in taken.items()}
