"""A latency table: how long each operator of a net takes here, at each width that pruning could leave it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from lepton_edge_converters.latency.grid import Grid, Range
from lepton_edge_converters.latency.measure import Target, time_operators
from lepton_edge_converters.latency.operator import Operator
from lepton_edge_converters.latency.steps import Steps, find_steps
from lepton_edge_converters.latency.store import key_of, load, store
from lepton_edge_runtime.timing import Progress


class LatencyTable:
    """Predicts times from measured ones.

    Attributes:
        target: What they were measured for.
        steps: Of the engine here.
    """

    def __init__(self, target: Target, steps: Steps, grids: Sequence[Grid]) -> None:
        self.target = target
        self.steps = steps
        self._grids: dict[Operator, list[Grid]] = {}
        for grid in grids:
            self._grids.setdefault(_family(grid.operator), []).append(grid)

    def milliseconds(self, operator: Operator) -> float:
        """Return the time of one operator.

        Raises:
            ValueError: It is not one of those measured, with widths no larger than theirs.
        """
        holding = [grid for grid in self._grids.get(_family(operator), ()) if grid.holds(operator)]
        if not holding:
            raise ValueError(f"the times of {operator} were not measured")
        nearest = min(holding, key=lambda grid: grid.operator.channels_in * grid.operator.channels_out)
        return nearest.milliseconds(operator.channels_in, operator.channels_out)

    def predict(self, operators: Iterable[Operator]) -> float:
        """Return the milliseconds of a net: the sum over its operators, nothing added for the net as a whole."""
        return sum(map(self.milliseconds, operators))


def measure_table(
    ranges: Iterable[Range],
    *,
    target: Target | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> LatencyTable:
    """Return the table of a net's operators, measured on this machine where the cache has not all of it.

    Args:
        ranges: The operators as they are, and their least widths; measured at up to 25 pairs of widths each.
        target: Engine, precision and threads; LiteRT in 8 bits on one thread by default.
        cache: Folder of what was measured before, which is added to; ``None`` keeps nothing.
        progress: Told how far it is.

    Raises:
        MissingExtraError: The engine is not installed.
        BackendError: It cannot run an operator.
    """
    target = target or Target()
    key = key_of(target)
    known = load(cache, key) if cache is not None else None
    times = {one.operator: one.milliseconds for one in known.times} if known else {}
    steps = known.steps if known else find_steps(target)
    grids = [Grid(scope, steps) for scope in dict.fromkeys(ranges)]
    missing = {operator for grid in grids for operator in grid.operators} - times.keys()
    if missing:
        times |= time_operators(list(missing), target, progress=progress)
    if cache is not None and (missing or known is None):
        store(cache, key, steps, times)
    for grid in grids:
        grid.fill(times)
    return LatencyTable(target, steps, grids)


def _family(operator: Operator) -> Operator:
    return operator.with_widths(1, 1)
