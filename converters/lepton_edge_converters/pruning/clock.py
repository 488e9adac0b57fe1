"""Times on the engine that a model is pruned for: of its operators at other widths, and of whole models."""

from pathlib import Path
from typing import Any

from lepton_edge_converters.latency import Target, measure_table
from lepton_edge_converters.prune.dependencies import Dependencies
from lepton_edge_converters.prune.layers import find_layers, find_ranges
from lepton_edge_converters.shrinking import Pruning
from lepton_edge_converters.trial import time_models
from lepton_edge_converters.worker import Progress


class Clock:
    """Times operators and models.

    Attributes:
        table: Of the operators.
        original: Milliseconds of the original.
    """

    def __init__(
        self, dependencies: Dependencies, pruning: Pruning, cache: str | Path | None, progress: Progress
    ) -> None:
        self._teacher = dependencies.flat.model
        self._target = Target(engine=pruning.engine)
        self._progress = progress
        progress("timing the model in 8 bits", 0, 1)
        self.original = time_models({"original": self._teacher}, self._target).latency("original").median_ms
        least = dependencies.widths()
        for group in dependencies.prunable:
            least[group.name] = max(1, int(pruning.least_share * group.width))
        ranges = find_ranges(find_layers(dependencies), least)
        self.table = measure_table(ranges, target=self._target, cache=cache, progress=progress)

    def time(self, model: Any) -> float:
        """Return the milliseconds of a model; both in one run, so that a machine that is busier now does not count."""
        self._progress("timing the model in 8 bits", 0, 1)
        timings = time_models({"original": self._teacher, "pruned": model}, self._target)
        return self.original * timings.ratio("pruned", to="original").value
