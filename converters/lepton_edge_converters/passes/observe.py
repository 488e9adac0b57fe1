"""The float graph run on samples: what its tensors are like."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from lepton_edge_converters.passes.graph import Graph, Values, full
from lepton_edge_converters.quantize.estimators import ESTIMATORS
from lepton_edge_converters.quantize.histograms import Counter
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.worker import report_progress

Seen = dict[str, Values]


def channel_peaks(graph: Graph, tensors: Iterable[str], samples: StoredSamples) -> Seen:
    """Return the largest absolute value of each channel of the tensors."""
    return _run(graph, tensors, samples, lambda one: tf.reduce_max(tf.abs(one), _all_but_last(one)), np.maximum)


def ranges(graph: Graph, tensors: Iterable[str], samples: StoredSamples, estimator: str = "minmax") -> Seen:
    """Return the range of the tensors that an estimator gives, zero included: two numbers each.

    Outputs, and inputs that take pictures, keep all that was seen, as they do when the model is quantized.
    """
    seen = _run(graph, tensors, samples, lambda one: tf.stack([tf.reduce_max(-one), tf.reduce_max(one)]), np.maximum)
    found = {name: np.maximum(both, 0) * np.array([-1, 1], np.float32) for name, both in seen.items()}
    if estimator == "minmax":
        return found
    pictures = {name for name, one in zip(graph.inputs, samples.preprocess, strict=True) if one is not None}
    counters = {name: Counter() for name in found.keys() - pictures - set(graph.outputs)}
    for values in _runs(graph, counters, samples, lambda one: one):
        for name, value in values.items():
            counters[name].add(value)
    counted = {name: counter.histogram() for name, counter in counters.items()}
    estimated = {name: ESTIMATORS[estimator](one) for name, one in counted.items() if one.values.size}
    return found | {name: np.array(ends, np.float32) for name, ends in estimated.items()}


def channel_means(graph: Graph, tensors: Iterable[str], samples: StoredSamples) -> Seen:
    """Return the average of each channel of the tensors, over samples and places."""
    seen = _run(graph, tensors, samples, lambda one: tf.reduce_mean(one, _all_but_last(one)), np.add)
    return {name: total / np.float32(len(samples)) for name, total in seen.items()}


def _all_but_last(tensor: Any) -> list[int]:
    return list(range(tensor.shape.rank - 1))


def _run(
    graph: Graph,
    tensors: Iterable[str],
    samples: StoredSamples,
    reduced: Callable[[Any], Any],
    merged: Callable[[Values, Values], Values],
) -> Seen:
    """Return what the tensors are reduced to, merged over the samples."""
    seen: Seen = {}
    for found in _runs(graph, tensors, samples, reduced):
        seen = {name: merged(seen[name], value) for name, value in found.items()} if seen else found
    return seen


def _runs(
    graph: Graph, tensors: Iterable[str], samples: StoredSamples, reduced: Callable[[Any], Any]
) -> Iterator[Seen]:
    """Yield what the tensors are reduced to, sample by sample."""
    built = graph.built()
    with built.as_default():
        fetches = {name: reduced(built.get_tensor_by_name(full(name))) for name in tensors}
    ends = [built.get_tensor_by_name(full(name)) for name in graph.inputs]
    with tf.compat.v1.Session(graph=built) as session:
        for sample in range(len(samples)):
            feed = dict(zip(ends, samples.real(sample, sample + 1), strict=True))
            yield session.run(fetches, feed)
            report_progress("looking at activations", sample + 1, len(samples))
