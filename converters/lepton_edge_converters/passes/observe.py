"""The float graph run on samples: how large each channel gets, and what it is on average."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from lepton_edge_converters.passes.graph import Graph, Values, full
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.worker import report_progress


def channel_peaks(graph: Graph, tensors: Iterable[str], samples: StoredSamples) -> dict[str, Values]:
    """Return the largest absolute value of each channel of the tensors, one number a channel."""
    peaks: dict[str, Values] = {}

    def reduced(tensor: Any) -> Any:
        return tf.reduce_max(tf.abs(tensor), axis=list(range(tensor.shape.rank - 1)))

    for seen in _run(graph, list(tensors), samples, reduced, "ranges of channels"):
        peaks = {name: np.maximum(value, peaks.get(name, value)) for name, value in seen.items()}
    return peaks


def channel_means(graph: Graph, tensors: Iterable[str], samples: StoredSamples) -> dict[str, Values]:
    """Return the average of each channel of the tensors over samples and places, one number a channel."""
    sums: dict[str, Values] = {}

    def reduced(tensor: Any) -> Any:
        return tf.reduce_mean(tensor, axis=list(range(tensor.shape.rank - 1)))

    for seen in _run(graph, list(tensors), samples, reduced, "shifts of channels"):
        sums = {name: value + sums.get(name, 0) for name, value in seen.items()}
    return {name: total / len(samples) for name, total in sums.items()}


def _run(graph: Graph, tensors: list[str], samples: StoredSamples, reduced: Any, what: str) -> Iterator[dict[str, Any]]:
    """Yield, for each sample, what the tensors become."""
    built = graph.built()
    with built.as_default():
        fetches = {name: reduced(built.get_tensor_by_name(full(name))) for name in tensors}
    ends = [built.get_tensor_by_name(full(name)) for name in graph.inputs]
    with tf.compat.v1.Session(graph=built) as session:
        for sample in range(len(samples)):
            feed = dict(zip(ends, samples.real(sample, sample + 1), strict=True))
            yield session.run(fetches, feed)
            report_progress(what, sample + 1, len(samples))

