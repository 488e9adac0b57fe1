"""Layers that make channels of channels: convolutions, dense layers, embeddings."""

from collections.abc import Mapping, Sequence

import numpy as np

from lepton_edge_converters.prune.channels import Ids, Label
from lepton_edge_converters.prune.rules.elementwise import is_elementwise
from lepton_edge_converters.prune.visit import Rule, Visit


def convolution(visit: Visit) -> Sequence[Label | None]:
    """Follow Conv1D, Conv2D and Conv3D, in groups or not; the kernel is … × in × out."""
    layer, read = visit.layer, visit.ids()
    if layer.groups == 1:
        visit.takes(layer.kernel, -2, read)
        made = visit.channels.fresh(layer.filters)
    elif layer.groups == len(read):  # each channel by itself: groups go with their channel
        visit.counts("groups", read)
        made = np.repeat(read, layer.filters // layer.groups)
    else:  # of each group the same places
        table = read.reshape(layer.groups, -1)
        visit.channels.tie_rows(table)
        visit.takes(layer.kernel, -2, table[0])
        made = visit.channels.fresh(layer.filters)
        visit.channels.tie_rows(made.reshape(layer.groups, -1))
    return _made(visit, "filters", layer.kernel, -1, made)


def depthwise(visit: Visit) -> Sequence[Label | None]:
    """Follow DepthwiseConv1D and 2D; the kernel is … × in × multiplier."""
    layer, read = visit.layer, visit.ids()
    visit.follows(layer.kernel, -2, read)
    made = np.repeat(read, layer.depth_multiplier)
    visit.follows(layer.bias, 0, made)
    return _activated(visit, made)


def separable(visit: Visit) -> Sequence[Label | None]:
    """Follow SeparableConv1D and 2D: a depthwise kernel, and one of … × in · multiplier × out."""
    layer, read = visit.layer, visit.ids()
    visit.follows(layer.depthwise_kernel, -2, read)
    visit.takes(layer.pointwise_kernel, -2, np.repeat(read, layer.depth_multiplier))
    return _made(visit, "filters", layer.pointwise_kernel, -1, visit.channels.fresh(layer.filters))


def transposed(visit: Visit) -> Sequence[Label | None]:
    """Follow Conv1DTranspose to 3D; the kernel is … × out × in."""
    visit.takes(visit.layer.kernel, -1, visit.ids())
    return _made(visit, "filters", visit.layer.kernel, -2, visit.channels.fresh(visit.layer.filters))


def dense(visit: Visit) -> Sequence[Label | None]:
    """Follow Dense: the kernel is in × out, whatever comes before the last axis."""
    visit.takes(visit.layer.kernel, 0, visit.ids())
    return _made(visit, "units", visit.layer.kernel, 1, visit.channels.fresh(visit.layer.units))


def embedding(visit: Visit) -> Sequence[Label | None]:
    """Follow Embedding: a table of words × channels."""
    layer = visit.layer
    made = visit.channels.fresh(layer.output_dim)
    visit.makes(layer.embeddings, 1, made)
    visit.counts("output_dim", made)
    return visit.last(made)


def _made(visit: Visit, setting: str, kernel: object, axis: int, made: Ids) -> Sequence[Label | None]:
    """Note what a kernel and its bias make; what a layer that is called again makes is what it made before."""
    visit.makes(kernel, axis, made)
    visit.makes(visit.layer.bias, 0, made)
    visit.counts(setting, made)
    return _activated(visit, made)


def _activated(visit: Visit, made: Ids) -> Sequence[Label | None]:
    if not is_elementwise(visit.layer.activation):
        visit.channels.freeze(made, f"the activation of {visit.call.name} looks at all channels at once")
    return visit.last(made)


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), convolution),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), depthwise),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), separable),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), transposed),
    "Dense": dense,
    "Embedding": embedding,
}
