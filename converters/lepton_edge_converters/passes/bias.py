"""Bias correction: what rounding adds to a layer's outputs on average, taken out of its bias.

Rounded weights miss the real ones by something that does not average out over inputs that are mostly positive, as
they are behind a rectifier, and a number that many pixels share, a dark one's say, is rounded the same way in all of
them. Both shift whole channels (Nagel et al., Data-Free Quantization Through Weight Equalization and Bias
Correction, 2019, section 4.2, for the weights); the layer's bias can take the shift back.
"""

import numpy as np

from lepton_edge_converters.passes.forms import add_to_bias
from lepton_edge_converters.passes.graph import Graph
from lepton_edge_converters.passes.layers import layer
from lepton_edge_converters.passes.observe import channel_means, ranges
from lepton_edge_converters.passes.simulate import stored_tensors, with_twins
from lepton_edge_converters.samples import StoredSamples


def correct_bias(graph: Graph, samples: StoredSamples, estimator: str = "minmax") -> tuple[str, ...]:
    """Correct the biases of all layers, and return what was done, a sentence.

    Args:
        graph: Changed in place.
        samples: Those that calibrate.
        estimator: Whose ranges the activations will have: a wide one rounds what a narrow one tells apart.
    """
    copy, twins = with_twins(graph, ranges(graph, stored_tensors(graph), samples, estimator))
    if not twins:
        return ()
    means = channel_means(copy, [*twins, *twins.values()], samples)
    largest = {}
    for node in graph:
        one = layer(graph, node)
        if one is not None:
            shift = means[twins[node.name]] - means[node.name]
            add_to_bias(graph, one, -shift)
            largest[node.name] = float(np.abs(shift).max())
    worst = max(largest, key=lambda name: largest[name])
    told = f"{largest[worst]:.2g} and less ({graph.title(worst)})"
    return (f"what rounding shifts was taken out of the biases of {len(largest)} layers: {told}",)
