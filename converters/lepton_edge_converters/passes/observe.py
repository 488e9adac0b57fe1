"""The float graph run on samples: what its tensors are like."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from lepton_edge_converters.passes.graph import Graph, Values, full
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.worker import report_progress

Seen = dict[str, Values]


def channel_peaks(graph: Graph, tensors: Iterable[str], samples: StoredSamples) -> Seen:
    """Return the largest absolute value of each channel of the tensors."""
    return _run(graph, tensors, samples, lambda one: tf.reduce_max(tf.abs(one), _all_but_last(one)), np.maximum)


def ranges(graph: Graph, tensors: Iterable[str], samples: StoredSamples) -> Seen:
    """Return the least and the largest value of the tensors, zero included: two numbers each."""
    seen = _run(graph, tensors, samples, lambda one: tf.stack([tf.reduce_max(-one), tf.reduce_max(one)]), np.maximum)
    return {name: np.maximum(both, 0) * np.array([-1, 1], np.float32) for name, both in seen.items()}


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
    built = graph.built()
    with built.as_default():
        fetches = {name: reduced(built.get_tensor_by_name(full(name))) for name in tensors}
    ends = [built.get_tensor_by_name(full(name)) for name in graph.inputs]
    seen: Seen = {}
    with tf.compat.v1.Session(graph=built) as session:
        for sample in range(len(samples)):
            feed = dict(zip(ends, samples.real(sample, sample + 1), strict=True))
            found = session.run(fetches, feed)
            seen = {name: merged(seen[name], value) for name, value in found.items()} if seen else found
            report_progress("looking at activations", sample + 1, len(samples))
    return seen
