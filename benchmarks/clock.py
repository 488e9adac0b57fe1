"""The clock: every route is timed warm, as it is on a device that runs nothing else."""

from collections.abc import Callable, Mapping

from lepton_edge_runtime.timing import Latency, time_interleaved


def time_warm(calls: Mapping[str, Callable[[], object]], *, seconds: float, runs_max: int) -> dict[str, Latency]:
    """Return the latency of each call, timed in turn, each after an untimed call of the same.

    Routes evict each other's weights and frames from the processor's caches; on a device there is one route.

    Args:
        calls: What to time, by name.
        seconds: Stop after this long, at the end of a round.
        runs_max: Rounds at most.
    """
    twice: dict[str, Callable[[], object]] = {}
    for name, call in calls.items():
        twice |= {f"{name}, to warm up": call, name: call}
    latencies = time_interleaved(twice, seconds=seconds, runs_max=runs_max)
    return {name: latencies[name] for name in calls}
