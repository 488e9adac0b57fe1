"""How fast calls are beside each other, and whether a difference is more than noise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import comb, inf
from statistics import median, median_low

from lepton_edge_converters.report.numbers import Ratio
from lepton_edge_runtime.timing import Latency, latency_of, timed_rounds

_FIRST_ROUNDS = 6  # the fewest of which a median has a 95 % interval
_ROUNDS_WANTED = 60  # of fewer on a busy machine, the interval hides even twice the time
_ROUNDS_MAX = 200
_PATIENCE = 9.0
_LONG = 8.0


@dataclass(frozen=True, slots=True)
class Timings:
    """Rounds in which calls were timed one after the other, in nanoseconds by name; later ones leave out the slow."""

    rounds: tuple[Mapping[str, int], ...]

    def times(self, name: str) -> list[int]:
        """Return the nanoseconds of one call in each round that timed it."""
        return [taken[name] for taken in self.rounds if name in taken]

    def latency(self, name: str) -> Latency:
        """Return the percentiles of one call."""
        return latency_of(self.times(name))

    def ratio(self, name: str, to: str) -> Ratio:
        """Return the time of one call as a multiple of another's, from the rounds that timed both."""
        both = [taken for taken in self.rounds if name in taken and to in taken]
        low, high = _median_interval([taken[name] / taken[to] for taken in both])
        return Ratio(
            value=median(taken[name] / taken[to] for taken in both),
            low=low,
            high=high,
            minimum=min(taken[name] for taken in both) / min(taken[to] for taken in both),
            rounds=len(both),
        )


def time_fairly(calls: Mapping[str, Callable[[], object]], *, seconds: float) -> Timings:
    """Return interleaved timings, each call after an untimed one of its own.

    A call that takes many times as long as the middle one is timed in a few rounds only: in all of them it would leave
    the others too few. On a busy machine, whose rounds take long, it may last ten times the seconds.
    """
    first = list(timed_rounds(calls, seconds=inf, runs_max=_FIRST_ROUNDS, warm=True))
    times = {name: min(taken[name] for taken in first) for name in calls}
    short = {name: call for name, call in calls.items() if times[name] <= _LONG * median_low(times.values())}
    rounds = [*first, *timed_rounds(short, seconds=seconds, runs_max=_ROUNDS_MAX - len(first), warm=True)]
    if len(rounds) < _ROUNDS_WANTED:
        wanted = _ROUNDS_WANTED - len(rounds)
        rounds += timed_rounds(short, seconds=_PATIENCE * seconds, runs_max=wanted, warm=True)
    return Timings(tuple(rounds))


def _median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return a 95 % interval of the median that supposes nothing of how the values are spread; six at least.

    Between the k-th smallest and the k-th largest value lies the median, unless fewer than k fall on one side of it,
    as of n fair coins.
    """
    ordered, n = sorted(values), len(values)
    outside, k = 0.0, 0
    while k < n // 2 and outside + comb(n, k) / 2**n <= 0.025:
        outside += comb(n, k) / 2**n
        k += 1
    return ordered[max(k - 1, 0)], ordered[n - max(k, 1)]
