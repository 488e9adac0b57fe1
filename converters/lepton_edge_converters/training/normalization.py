"""Batch normalizations whose statistics are those of the samples again; no labels, no gradients.

What a normalization subtracts and divides by shall be the mean and the deviation of what it is given *in use*: when
those before it have their new statistics, not those of the batch at hand. So one layer's statistics depend on those of
the layers before it, and the samples are run again until nothing changes: after k passes the first k normalizations
on every path are exact. That is independent of how the samples are batched, and what the device computes; the usual
single pass in training mode is neither.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lepton_edge_converters.load.keras3 import packed
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.training.batches import Feed
from lepton_edge_converters.worker import Progress, report_progress

_UNCHANGED = 1e-4  # of a deviation, which is a hundredth of a step of 8 bits or less


def reestimate_batch_norms(
    model: Any,
    samples: StoredSamples,
    *,
    batch_size: int = 64,
    limit: int | None = None,
    progress: Progress = report_progress,
) -> int:
    """Set the moving statistics of a model's batch normalizations to those of the samples; all else stays as it is.

    Frozen ones (``trainable=False``) stay too. The variance is that of the samples, not of a population that they are
    drawn from, as Keras has it. It takes a pass over the samples for each layer on the longest path, and one more.

    Args:
        model: Keras 3, called on samples as ``recover`` calls it.
        samples: As ``convert`` stores them.
        batch_size: How many are run at once; it does not change the result, but for rounding.
        limit: How many to run at most, from the whole of the samples; all by default.
        progress: Called with what is being done, how much is done, and how much there is.

    Returns:
        How many layers were re-estimated.
    """
    layers = [one for one in model._flatten_layers() if _is_estimated(one)]  # noqa: SLF001 - the only way into nested models
    feed, seen = Feed(samples, batch_size), _compiled(model, layers)
    rows = np.unique(np.linspace(0, len(samples) - 1, min(limit or len(samples), len(samples))).astype(np.int64))
    # One pass a layer if all lie on one path, and one that finds nothing changed.
    for turn in range(len(layers) + 1 if layers else 0):
        sums, done = {layer: _Sums() for layer in layers}, 0
        for batch in feed.in_order(rows):
            for layer, found in zip(layers, seen(batch.tensors), strict=True):
                for moments in found:
                    sums[layer].add(*moments)
            done += len(batch.rows)
            progress(f"batch normalization, pass {turn + 1}", done, len(rows))
        if max(_replace(layer, one) for layer, one in sums.items()) <= _UNCHANGED:
            break
    model._clear_losses()  # noqa: SLF001 - what traced calls leave there is no number outside of them
    return len(layers)


def _is_estimated(layer: Any) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization) and layer.built and layer.trainable


def _compiled(model: Any, layers: Sequence[Any]) -> Any:
    """Return a function of one tensor an input: count, mean and variance of what each layer is given at each call."""

    def seen(tensors: list[Any]) -> list[list[tuple[Any, Any, Any]]]:
        given: dict[Any, list[Any]] = {layer: [] for layer in layers}
        with _watched(given):
            model(packed(model, list(tensors)), training=False)
        return [[_moments(tensor, layer.axis) for tensor in given[layer]] for layer in layers]

    return tf.function(seen, reduce_retracing=True)


@contextmanager
def _watched(given: dict[Any, list[Any]]) -> Iterator[None]:
    """Let the layers note what they are called on."""
    for layer, tensors in given.items():
        layer.call = _noting(layer.call, tensors)
    try:
        yield
    finally:
        for layer in given:
            del layer.call


def _noting(call: Callable[..., Any], tensors: list[Any]) -> Callable[..., Any]:
    @wraps(call)  # Keras looks at what arguments a call has
    def noted(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        tensors.append(inputs)
        return call(inputs, *args, **kwargs)

    return noted


def _moments(tensor: Any, axis: int) -> tuple[Any, Any, Any]:
    rest = [i for i in range(tensor.shape.rank) if i != axis % tensor.shape.rank]
    wide = tf.cast(tensor, tf.float32)
    return tf.size(wide) // tf.shape(wide)[axis], *tf.nn.moments(wide, rest)


class _Sums:
    """Mean and variance of one layer's input, put together from batches without losing digits."""

    def __init__(self) -> None:
        self._parts: list[tuple[int, NDArray[np.float64], NDArray[np.float64]]] = []

    def add(self, count: Any, mean: Any, variance: Any) -> None:
        """Take in a batch."""
        self._parts.append((int(count), np.asarray(mean, np.float64), np.asarray(variance, np.float64)))

    def moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Return mean and variance over all batches; ``None`` if there was none."""
        if not self._parts:
            return None
        counts, means, variances = (np.array(one) for one in zip(*self._parts, strict=True))
        mean = np.average(means, axis=0, weights=counts)
        variance = np.average(variances + (means - mean) ** 2, axis=0, weights=counts)
        return mean, variance


def _replace(layer: Any, sums: _Sums) -> float:
    """Set a layer's statistics to what it was given, and return how far they moved, in deviations."""
    moments = sums.moments()
    if moments is None:  # a nested model has it, and this one does not call it
        return 0.0
    before = [one.numpy() for one in (layer.moving_mean, layer.moving_variance)]
    layer.moving_mean.assign(moments[0])
    layer.moving_variance.assign(moments[1])
    spread = moments[1] + layer.epsilon
    moved = np.abs(moments[0] - before[0]) / np.sqrt(spread), np.abs(moments[1] - before[1]) / spread
    return float(np.max(moved))
