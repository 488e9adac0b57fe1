"""Bias correction: what rounding the weights adds to a layer's outputs on average, taken out of its bias.

Rounded weights miss the real ones by something that does not average out over a channel's inputs, which are mostly
positive behind a rectifier: the channel's outputs are shifted (Nagel et al., Data-Free Quantization Through Weight
Equalization and Bias Correction, 2019, section 4.2). A layer is linear, so that the shift is what the layer gives with
the rounding errors for weights.
"""

import numpy as np

from lepton_edge_converters.passes.channels import Layer, layer
from lepton_edge_converters.passes.fold import add_to_bias
from lepton_edge_converters.passes.graph import Graph, Values
from lepton_edge_converters.passes.naming import title
from lepton_edge_converters.passes.observe import channel_means
from lepton_edge_converters.samples import StoredSamples

_LEVELS = 127  # of 8-bit weights, on either side of zero


def correct_bias(graph: Graph, samples: StoredSamples) -> tuple[str, ...]:
    """Correct the biases of all layers, and return what was done, a sentence."""
    layers = [found for node in graph if (found := layer(graph, node)) is not None]
    errors = [graph.twin(one.node, one.weights, rounded(one) - one.kernel) for one in layers]
    shifts = channel_means(graph, errors, samples)
    for one, error in zip(layers, errors, strict=True):
        add_to_bias(graph, one, -shifts[error])
    if not layers:
        return ()
    largest = {one.node.name: float(np.abs(shifts[error]).max()) for one, error in zip(layers, errors, strict=True)}
    worst = max(largest, key=lambda name: largest[name])
    return (
        f"the shift that rounded weights bring was taken out of the biases of {len(layers)} layers: "
        f"{largest[worst]:.2g} and less ({title(worst)})",
    )


def rounded(one: Layer) -> Values:
    """Return a layer's kernel as TFLite holds it in 8 bits: symmetric, a scale for each output channel."""
    largest = np.abs(one.kernel).max(axis=one.others(), keepdims=True)
    scale = np.maximum(largest, np.finfo(np.float32).tiny) / np.float32(_LEVELS)
    values: Values = (np.rint(one.kernel / scale) * scale).astype(np.float32)
    return values
