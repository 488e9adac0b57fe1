"""What goes into the layers that read channels, and what the answers owe to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import PruneError
from lepton_edge_converters.prune.channels import Ids
from lepton_edge_converters.prune.dependencies import Dependencies
from lepton_edge_converters.prune.flat import Call
from lepton_edge_converters.prune.visit import Slot
from lepton_edge_converters.prune.walk import walk
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.worker import Progress

_BATCH = 16
_SAMPLES_MAX = 1024  # more move no channel to another place
_LOG_FLOOR = 1e-7  # below it a probability's logarithm is its rounding


@dataclass(frozen=True, slots=True)
class Read:
    """One input of a layer that reads channels.

    Attributes:
        axis: Of the input, along which they are.
        ids: One a place along it.
        energy: Sum of the squared weights that read each place.
    """

    axis: int
    ids: Ids
    energy: NDArray[np.float64]


def activation(
    dependencies: Dependencies, samples: StoredSamples | None, _seed: int, progress: Progress
) -> NDArray[np.float64]:
    """Return a channel's share of the energy that goes into the layers that read it.

    The mean square of its values times that of the weights that read them, summed over the layers: as Wanda rates
    single weights (Sun et al., "A Simple and Effective Pruning Approach for Large Language Models", 2024), and
    without labels.
    """
    import tensorflow as tf  # noqa: PLC0415 - seconds, and only where models are pruned

    reads = find_reads(dependencies)
    energy = {key: np.zeros(len(read.ids)) for key, read in reads.items()}
    for batch, _ in _batches(samples, progress):

        def look(call: Call, place: int, value: Any) -> Any:
            read = reads.get((call, place))
            if read is not None:
                energy[call, place] += tf.reduce_sum(tf.square(value), _others(value, read, begin=0)).numpy()
            return value

        walk(dependencies.flat, batch, look)
    rated = np.zeros(len(dependencies.leaders))
    for key, read in reads.items():
        share = energy[key] * read.energy
        np.add.at(rated, dependencies.leaders[read.ids], share / (share.sum() or 1.0))
    return rated


def taylor(
    dependencies: Dependencies, samples: StoredSamples | None, seed: int, progress: Progress
) -> NDArray[np.float64]:
    """Return how much the loss would move, to first order, if a channel were zero: the mean of its square.

    Molchanov et al., "Importance Estimation for Neural Network Pruning", CVPR 2019, with a gate before each layer
    that reads the channel. Without labels the classes are drawn from the model's own answers, which makes it the
    Fisher information of the gates; outputs other than classes are asked along random directions.
    """
    import tensorflow as tf  # noqa: PLC0415 - seconds, and only where models are pruned

    reads, leaders = find_reads(dependencies), dependencies.leaders
    classes = [_is_probability(dependencies, place) for place in range(len(dependencies.flat.outputs))]
    rng = np.random.default_rng(seed)
    total, count = np.zeros(len(leaders)), 0
    for batch, targets in _batches(samples, progress):
        gated: dict[tuple[Call, int], Any] = {}
        with tf.GradientTape(watch_accessed_variables=False) as tape:

            def gate(call: Call, place: int, value: Any, *, tape: Any = tape, gated: dict[Any, Any] = gated) -> Any:
                if (call, place) not in reads:
                    return value
                gated[call, place] = tf.identity(value)
                tape.watch(gated[call, place])
                return gated[call, place]

            outputs = walk(dependencies.flat, batch, gate)
            pairs = zip(outputs, classes, strict=True)
            asked = [_asked(one, rng, targets, classes=c) for one, c in pairs if one.dtype.is_floating]
            if not asked:
                raise PruneError("all outputs are whole numbers, which have no slope; take another criterion")
            loss = tf.add_n(asked)
        slopes = tape.gradient(loss, list(gated.values()))
        moved = np.zeros((len(leaders), len(batch[0])))
        for (key, value), slope in zip(gated.items(), slopes, strict=True):
            if slope is not None:
                change = tf.reduce_sum(value * slope, _others(value, reads[key], begin=1)).numpy()
                np.add.at(moved, leaders[reads[key].ids], change.T)
        total += np.square(moved).sum(1)
        count += len(batch[0])
    return total / max(count, 1)


def find_reads(dependencies: Dependencies) -> Mapping[tuple[Call, int], Read]:
    """Return the inputs along whose channels a layer reads, by the call and the place among its tensors."""
    notes, leaders = dependencies.notes, dependencies.leaders
    taking: dict[str, list[Slot]] = {}
    for slot in notes.slots.values():
        if slot.role == "takes":
            taking.setdefault(slot.layer, []).append(slot)
    reads: dict[tuple[Call, int], Read] = {}
    for call in dependencies.flat.calls:
        label = notes.labels.get(id(call.inputs[0])) if call.inputs else None
        if label is None:
            continue
        energy = np.zeros(len(leaders))
        for slot in taking.get(call.name, ()):
            if np.isin(leaders[slot.ids], leaders[label.ids]).all():
                weight = np.asarray(call.operation.weights[slot.weight], np.float64)
                squares = np.square(weight).sum(tuple(axis for axis in range(weight.ndim) if axis != slot.axis))
                np.add.at(energy, leaders[slot.ids], squares)
        if energy.any():
            places = np.bincount(leaders[label.ids], minlength=len(leaders))
            each = energy / np.maximum(places, 1)  # a channel at many places shares its weights among them
            reads[call, 0] = Read(label.axis, label.ids, each[leaders[label.ids]])
    return reads


def _asked(output: Any, rng: np.random.Generator, targets: NDArray[np.int64] | None, *, classes: bool) -> Any:
    """Return the number whose slope tells what an output owes to the gates, the samples' added up, in ``float32``."""
    import tensorflow as tf  # noqa: PLC0415 - seconds, and only where models are pruned

    if classes and len(output.shape) == 2:
        if targets is None:
            chances = np.cumsum(output.numpy(), 1)
            drawn = rng.random((len(chances), 1)) * chances[:, -1:]
            targets = np.minimum((chances < drawn).sum(1), output.shape[1] - 1)
        right = tf.gather(tf.cast(output, tf.float32), targets, batch_dims=1)
        return tf.reduce_sum(tf.math.log(tf.maximum(right, _LOG_FLOOR)))
    output = tf.cast(output, tf.float32)
    spread = tf.math.reduce_std(output) + _LOG_FLOOR
    signs = tf.constant(rng.choice([-1.0, 1.0], output.shape), output.dtype)
    size = float(np.prod(output.shape[1:])) ** 0.5
    return tf.reduce_sum(output * signs) / (tf.stop_gradient(spread) * size)


def _is_probability(dependencies: Dependencies, place: int) -> bool:
    """Return whether an output is a softmax over classes."""
    output = dependencies.flat.outputs[place]
    maker = next((call for call in dependencies.flat.calls if output in call.outputs), None)
    if maker is None:
        return False
    activation_name = getattr(getattr(maker.operation, "activation", None), "__name__", "")
    return activation_name == "softmax" or type(maker.operation).__name__ == "Softmax"


def _batches(samples: StoredSamples | None, progress: Progress) -> Iterator[tuple[list[Any], NDArray[np.int64] | None]]:
    import tensorflow as tf  # noqa: PLC0415 - seconds, and only where models are pruned

    count = min(len(samples), _SAMPLES_MAX) if samples else 0
    for start in range(0, count, _BATCH):
        stop = min(start + _BATCH, count)
        targets = None if samples.targets is None else samples.targets[start:stop]  # type: ignore[union-attr]  # there is a batch
        yield [tf.convert_to_tensor(one) for one in samples.real(start, stop)], targets  # type: ignore[union-attr]
        progress("importance of channels", stop, count)


def _others(value: Any, read: Read, *, begin: int) -> list[int]:
    return [axis for axis in range(begin, len(value.shape)) if axis != read.axis]
