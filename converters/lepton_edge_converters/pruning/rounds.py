"""A Keras model without the channels that its answers owe the least to, trained until it answers as before."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from lepton_edge_converters.errors import PruneError
from lepton_edge_converters.latency.steps import FALLBACK
from lepton_edge_converters.prune.choosing import candidates, least_important
from lepton_edge_converters.prune.cost import Cost
from lepton_edge_converters.prune.dependencies import Dependencies, find_dependencies
from lepton_edge_converters.prune.flat import as_functional, flatten
from lepton_edge_converters.prune.importance import Importance, rate
from lepton_edge_converters.prune.layers import find_costs
from lepton_edge_converters.prune.surgery import check_faithful, rebuild
from lepton_edge_converters.prune.widths import Solution, solve
from lepton_edge_converters.pruning.choice import Choice, keep_choice, read_choice
from lepton_edge_converters.pruning.clock import Clock
from lepton_edge_converters.report.pruned import Pruned, Width
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.shrinking import Budget, CostName, Pruning
from lepton_edge_converters.stages.digest import digest
from lepton_edge_converters.train import Training
from lepton_edge_converters.training.determinism import deterministic
from lepton_edge_converters.training.findings import Recovery
from lepton_edge_converters.training.normalization import reestimate_batch_norms
from lepton_edge_converters.training.recovery import recover, refuse_untrainable
from lepton_edge_converters.worker import Progress

log = logging.getLogger(__name__)

_TIMES = {"speedup", "latency_ms"}
_TRIES = 4
_ESTIMATED_MAX = 2048  # more move no mean by what matters, and each costs a pass for each layer
_SPARE = 1.02  # two timings of one model differ by as much
_BOUND_OF: Mapping[CostName, tuple[str, float | None]] = {
    "parameters": ("params", None),
    "macs": ("macs", None),
    "bytes": ("size_kb", 1024.0),
    "milliseconds": ("latency_ms", 1.0),
}


def prune_channels(
    model: Any,
    samples: StoredSamples | None,
    pruning: Pruning,
    training: Training | None,
    *,
    cache: str | Path | None = None,
    checkpoint: Path | None = None,
    progress: Progress,
) -> tuple[Any, Pruned]:
    """Return the model with fewer channels, and what was done; the one given is left as it is.

    In each round the channels are rated anew, a part of the way to the budget is gone, and what is left is trained:
    by the original's answers, and by labels where the samples have them.

    Args:
        model: A Keras 3 model: functional, Sequential, or a class of its own whose call is made of layers.
        samples: That channels are rated by and the model is trained on; ``None`` where weights alone decide.
        pruning: How far, and by what.
        training: Of each round; ``None`` to leave the model untrained, its batch normalizations estimated anew.
        cache: A folder for times of operators, which are measured once a machine.
        checkpoint: A folder for the state of the trainings: a run that was cut off goes on there.
        progress: Called with what is being done, how much is done, and how much there is.

    Raises:
        PruneError: The budget cannot be had, or the model cannot be taken apart.
        TrainingError: Training failed; see ``recover``.
    """
    teacher = as_functional(model)
    dependencies = find_dependencies(flatten(teacher))
    check_faithful(dependencies)
    if training is not None and samples is not None:
        refuse_untrainable(teacher, samples, training)
    if not dependencies.prunable:
        raise PruneError(f"nothing of the model {teacher.name!r} can be pruned: {_why(dependencies)}")
    rounds = _Rounds(dependencies, samples, pruning, cache, progress)
    recoveries = []
    current = teacher
    for number in range(pruning.rounds):
        folder = None if checkpoint is None else checkpoint / f"round_{number + 1}"
        current = rounds.next(number, folder)
        if samples is None:
            continue
        with deterministic():  # the training that follows knows the model by its numbers when it goes on
            reestimate_batch_norms(current, samples, limit=_ESTIMATED_MAX, progress=progress)
        if training is not None:
            recoveries.append(
                recover(current, samples, training, teacher=teacher, checkpoint=folder, progress=progress)
            )
    return current, rounds.told(recoveries)


class _Rounds:
    """The way from the original to the budget, a part in each round.

    Attributes:
        before: Costs of the original: estimated, but for ``milliseconds``.
    """

    def __init__(
        self,
        dependencies: Dependencies,
        samples: StoredSamples | None,
        pruning: Pruning,
        cache: str | Path | None,
        progress: Progress,
    ) -> None:
        self._original = self._current = dependencies
        self._samples = samples
        self._pruning = pruning
        self._progress = progress
        timed = {*pruning.bounds} & _TIMES and not pruning.widths
        self._clock = Clock(dependencies, pruning, cache, progress) if timed else None
        self._costs = self._find_costs(None)
        self.before = self._costs_now()
        self._limits = {} if pruning.widths else pruning.limits(self.before)
        self._importance = 1.0
        self._chosen: list[dict[str, int]] = []

    def next(self, number: int, folder: Path | None) -> Any:
        """Return the model after a further round, counted from 0; after the last, it is within the budget.

        Args:
            number: Of the round.
            folder: Where its choice is kept, and taken from if it is there.
        """
        pruning = self._pruning
        with deterministic():  # the same channels go when a run that was cut off, or a lock, is carried out again
            importance = rate(self._current, pruning.criterion, self._samples, seed=number, progress=self._progress)
        data = self._samples.fingerprint() if self._samples and folder else ""
        asked = digest(self._current.flat.model.get_weights(), data, pruning) if folder else ""
        choice = read_choice(folder, asked) if folder else None
        if pruning.widths:
            choice = self._given(pruning.widths[number])
        elif choice is None:
            choice = self._choose(importance, asked, pruning.rounds - number)
        if folder is not None:
            keep_choice(folder, choice)
        model = self._with(importance, choice.widths)
        self._importance *= choice.importance
        self._chosen.append(choice.widths)
        self._current = find_dependencies(flatten(model))
        self._costs = self._find_costs(choice.milliseconds)
        return model

    def _choose(self, importance: Importance, asked: str, remaining: int) -> Choice:
        """Return the widths that bring the model a round nearer to the budget; with ``remaining`` 1, into it."""
        limits = self._part_of_the_way(remaining)
        solution = self._within(importance, limits)
        if self._clock is None:
            return Choice(asked=asked, widths=solution.widths, importance=solution.importance)
        tried: list[tuple[float, Solution]] = []
        for left in reversed(range(_TRIES)):
            taken = self._clock.time(self._with(importance, solution.widths))
            tried.append((taken, solution))
            # What a table foretells is not what a whole net takes: the next choice makes up for the difference.
            late = taken / self._limits["milliseconds"]
            if not left or remaining > 1 or late <= 1:
                break
            limits["milliseconds"] /= late * _SPARE
            try:
                solution = self._within(importance, limits)
            except PruneError:
                break  # there is nothing faster; that it is not as fast as asked is told at the end
        taken, solution = min(tried, key=lambda one: one[0])
        return Choice(asked=asked, widths=solution.widths, importance=solution.importance, milliseconds=taken)

    def _given(self, widths: Mapping[str, int]) -> Choice:
        """Return widths that were told, once they fit the model."""
        groups = self._current.widths()
        for name, width in widths.items():
            if not 1 <= width <= groups.get(name, 0):
                has = f"has {groups[name]} channels" if name in groups else "is not there"
                raise PruneError(f"the group {name!r} cannot keep {width} channels: it {has}")
        return Choice(asked="", widths=dict(widths), importance=1.0)

    def _with(self, importance: Importance, widths: Mapping[str, int]) -> Any:
        return rebuild(self._current, least_important(self._current, importance, widths).tolist())

    def told(self, recoveries: Sequence[Recovery]) -> Pruned:
        """Return what was done so far."""
        missed = self._missed()
        if missed:
            log.warning("%s", missed)
        return Pruned(
            tuple(_widths(self._original, self._current)),
            self.before,
            self._costs_now(),
            self._importance,
            dict(self._original.unknown),
            tuple(recoveries),
            tuple(self._chosen),
            missed,
        )

    def _missed(self) -> str:
        """Return by how much the model is slower than was asked; nothing where it is not."""
        limit, taken = self._limits.get("milliseconds"), self._costs_now().get("milliseconds", 0.0)
        if limit is None or taken <= limit:
            return ""
        return f"not as fast as asked: {limit:.4g} ms at most, and the fastest choice measured takes {taken:.4g} ms"

    def _within(self, importance: Importance, limits: Mapping[CostName, float]) -> Solution:
        """Return the widths that keep the most importance within limits; all, where the model is within them."""
        budget = _as_budget(limits, self._costs_now())
        if budget is None:
            return Solution(self._current.widths(), 1.0, {}, {})
        step = self._clock.table.steps.widest if self._clock else FALLBACK
        least = {name: ceil(self._pruning.least_share * n - 1e-9) for name, n in self._original.widths().items()}
        groups = candidates(self._current, importance, step=step, keep=self._pruning.keep, least=least)
        self._progress("choosing channels", 0, 1)
        try:
            return solve(
                groups, self._costs, budget, least_share=self._pruning.least_share ** (1 / self._pruning.rounds)
            )
        except PruneError:
            if self._current is self._original:  # the bounds of the whole way are those that were asked for
                solve(groups, self._costs, self._pruning.budget, least_share=0)
        # A narrow group has no width so little below its own: it may go further at once than its part of the way.
        return solve(groups, self._costs, budget, least_share=0)

    def _part_of_the_way(self, remaining: int) -> dict[CostName, float]:
        """Return the limits of this round: as many equal shares of the way, in ratios, as there are rounds left."""
        now = self._costs_now()
        return {
            name: limit if now[name] <= limit else now[name] * (limit / now[name]) ** (1 / remaining)
            for name, limit in self._limits.items()
        }

    def _find_costs(self, taken: float | None) -> dict[CostName, Cost]:
        """Return the costs of the current model; its time as a whole is the one measured."""
        table = self._clock.table if self._clock else None
        costs = find_costs(self._current, table)
        if self._clock:
            full, total = self._current.widths(), self._clock.original if taken is None else taken
            cost = costs["milliseconds"]
            costs["milliseconds"] = (cost.with_total if cost(full) <= total else cost.scaled_to)(total, full)
        return costs

    def _costs_now(self) -> dict[CostName, float]:
        return {name: cost(self._current.widths()) for name, cost in self._costs.items()}


def _as_budget(limits: Mapping[CostName, float], now: Mapping[CostName, float]) -> Budget | None:
    """Return absolute limits as a budget of the current model, ``None`` where it is within all of them."""
    bounds: dict[str, float] = {}
    for name, limit in limits.items():
        if limit < now[name]:
            bound, unit = _BOUND_OF[name]
            bounds[bound] = limit / (now[name] if unit is None else unit)
    return Budget(**bounds) if bounds else None


def _widths(before: Dependencies, after: Dependencies) -> Iterator[Width]:
    """Yield the layers that make channels, and how many they make; some gates are side by side in one weight."""
    left = {call.name: call.operation for call in after.flat.calls}
    told = set[str]()
    for slot in before.notes.slots.values():
        if slot.role == "makes" and slot.layer not in told:
            told.add(slot.layer)
            times = len(slot.ids) // len(np.unique(slot.ids))
            made = left[slot.layer].weights[slot.weight].shape[slot.axis]
            yield Width(slot.layer, len(slot.ids) // times, made // times)


def _why(dependencies: Dependencies) -> str:
    reasons = list(dict.fromkeys(group.frozen for group in dependencies.groups if group.frozen))
    return "; ".join(reasons[:3]) or "it has no layers whose channels are followed"
