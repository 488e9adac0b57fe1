"""How much a model's answers owe to each channel: a row a criterion."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import PruneError
from lepton_edge_converters.prune.dependencies import Dependencies
from lepton_edge_converters.prune.gates import activation, taylor
from lepton_edge_converters.prune.visit import Slot
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.worker import Progress

Importance = NDArray[np.float64]
"""By the number of a channel; those that lead no others are zero."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """A way to tell how important channels are.

    Attributes:
        rate: Returns the importance of all channels.
        needs_samples: Whether it runs the model.
        comparable: Whether numbers of different layers are of one measure; others are divided by their group's mean.
        text: For people.
    """

    rate: Callable[[Dependencies, StoredSamples | None, int, Progress], Importance]
    needs_samples: bool
    comparable: bool
    text: str


def rate(
    dependencies: Dependencies, criterion: str, samples: StoredSamples | None, *, seed: int, progress: Progress
) -> Importance:
    """Return how important each channel is; numbers of all layers can be compared.

    Args:
        dependencies: Of the model.
        criterion: A row of ``CRITERIA``.
        samples: That the model is run on; with labels, ``taylor`` asks what the right answer owes to a channel.
        seed: The same gives the same.
        progress: Called as samples are done.

    Raises:
        PruneError: There is no such criterion, or it needs samples, or what it finds is no number.
    """
    row = CRITERIA.get(criterion)
    if row is None:
        raise PruneError(f"no criterion {criterion!r}; there are: {', '.join(CRITERIA)}")
    if row.needs_samples and samples is None:
        without = ", ".join(name for name, one in CRITERIA.items() if not one.needs_samples)
        raise PruneError(
            f"the criterion {criterion!r} runs the model on samples, and there are none; others: {without}"
        )
    rated = row.rate(dependencies, samples, seed, progress)
    for group in dependencies.groups:
        if not np.isfinite(rated[group.leaders]).all():
            raise PruneError(
                f"what the channels of {group.name} are worth is no number by the criterion {criterion!r}: weights "
                "there, or answers to the samples, are NaN or infinite"
            )
    return rated if row.comparable else _normalized(dependencies, rated)


def _normalized(dependencies: Dependencies, rated: Importance) -> Importance:
    """Divide by each group's mean: what layers of different widths and sizes call small is then of one measure."""
    result = np.zeros_like(rated)
    for group in dependencies.groups:
        mean = float(rated[group.leaders].mean())
        result[group.leaders] = rated[group.leaders] / mean if mean > 0 else 1.0
    return result


def _l1(dependencies: Dependencies, _samples: StoredSamples | None, _seed: int, _progress: Progress) -> Importance:
    """Sum the absolute weights that make a channel (Li et al., "Pruning Filters for Efficient ConvNets", 2017)."""
    return _of_weights(dependencies, lambda weight, axes: np.abs(weight).sum(axes), _makes)


def _l2(dependencies: Dependencies, _samples: StoredSamples | None, _seed: int, _progress: Progress) -> Importance:
    """Return the Euclidean norm of all weights that make a channel."""
    return np.sqrt(_of_weights(dependencies, lambda weight, axes: np.square(weight).sum(axes), _makes))


def _gamma(dependencies: Dependencies, samples: StoredSamples | None, seed: int, progress: Progress) -> Importance:
    """Return the factors of batch normalization (Liu et al., "Network Slimming", 2017).

    Channels that no batch normalization follows are rated by the weights that make them.
    """
    squares = _of_weights(dependencies, lambda weight, axes: np.square(weight).sum(axes), _scales)
    norms = _l2(dependencies, samples, seed, progress)
    result = np.sqrt(squares)
    for group in dependencies.groups:
        if not result[group.leaders].any():
            result[group.leaders] = norms[group.leaders]
    return result


def _of_weights(
    dependencies: Dependencies,
    sums: Callable[[NDArray[Any], tuple[int, ...]], NDArray[Any]],
    wanted: Callable[[Slot, str], bool],
) -> Importance:
    """Return what weights say of each channel, added over all layers and places."""
    by_name = {call.name: call.operation for call in dependencies.flat.calls}
    rated = np.zeros(len(dependencies.leaders))
    for slot in dependencies.notes.slots.values():
        variable = by_name[slot.layer].weights[slot.weight]
        if wanted(slot, variable.name):
            weight = np.asarray(variable, np.float64)
            others = tuple(axis for axis in range(weight.ndim) if axis != slot.axis)
            np.add.at(rated, dependencies.leaders[slot.ids], sums(weight, others))
    return rated


def _makes(slot: Slot, name: str) -> bool:
    return slot.role == "makes" and name != "bias"


def _scales(slot: Slot, name: str) -> bool:
    return slot.role == "follows" and name == "gamma"


CRITERIA: Mapping[str, Criterion] = {
    "taylor": Criterion(
        taylor, needs_samples=True, comparable=True, text="how much the loss moves without the channel, to first order"
    ),
    "activation": Criterion(
        activation, needs_samples=True, comparable=True, text="its share of what the layers that read it are given"
    ),
    "gamma": Criterion(_gamma, needs_samples=False, comparable=False, text="factors of batch normalization"),
    "l2": Criterion(_l2, needs_samples=False, comparable=False, text="Euclidean norm of the weights that make it"),
    "l1": Criterion(_l1, needs_samples=False, comparable=False, text="sum of the absolute weights that make it"),
}
"""What channels can be rated by, the best first where there are samples."""
