"""Which operators leave channels apart, and how they combine them with constants; channels are the last axis."""

from typing import Any

import numpy as np

from lepton_edge_converters.passes.graph import Graph, Values
from lepton_edge_converters.passes.layers import counts_channels_last, layer

# Fused into the convolution before them: their input is never stored.
RECTIFIERS = ("Relu", "Relu6")
# f(s·x) = s·f(x) for s > 0, channel by channel.
POSITIVE = ("Relu", "LeakyRelu", "MaxPool")
# The same for any s; and they move numbers or average them within a channel.
LINEAR = ("Identity", "AvgPool", "Mean", "Pad", "PadV2", "MirrorPad", "Reshape", "Squeeze", "ExpandDims",
          "SpaceToBatchND", "BatchToSpaceND", "ResizeBilinear", "ResizeNearestNeighbor")  # fmt: skip
# They move numbers, and store what they read as it was stored.
MOVERS = ("Identity", "MaxPool", "Pad", "PadV2", "MirrorPad", "Reshape", "Squeeze", "ExpandDims", "SpaceToBatchND",
          "BatchToSpaceND", "Transpose", "ConcatV2")  # fmt: skip
SUMS = ("BiasAdd", "AddV2", "Add", "Sub")
PRODUCTS = ("Mul", "RealDiv")


def vector(graph: Graph, node: Any) -> tuple[int, Values] | None:
    """Return the place of a node's data, and the constant that it combines with it, one number a channel.

    ``None`` where there is no such constant, or only one number for all channels: the converter knows many an
    activation by its numbers.
    """
    if len(node.input) != 2:
        return None
    for place in (0, 1):
        constant, shape = graph.constant(node.input[1 - place]), graph.shape(node.input[place])
        if (
            constant is None
            or shape is None
            or constant.dtype != np.float32
            or graph.constant(node.input[place]) is not None
        ):
            continue
        if constant.size > 1 and constant.size == shape[-1] == constant.shape[-1] and graph.shape(node.name) == shape:
            return place, constant.reshape(-1)
    return None


def keeps_channels(graph: Graph, node: Any) -> bool:
    """Tell whether a node of the kinds above gives the channels of its first input, in order, once or repeated."""
    before, after = graph.shape(node.input[0]), graph.shape(node.name)
    if not before or not after or after[-1] % before[-1] or not counts_channels_last(node):
        return False
    if node.op == "Mean":
        axes = graph.constant(node.input[1])
        return axes is not None and all(int(axis) % len(before) != len(before) - 1 for axis in np.ravel(axes))
    if node.op in ("Pad", "PadV2", "MirrorPad"):
        return after[-1] == before[-1] and (node.op != "PadV2" or not np.any(graph.constant(node.input[2])))
    return node.op == "Reshape" or after[-1] == before[-1]


def is_fused(graph: Graph, tensor: str) -> bool:
    """Tell whether a tensor lives only inside the one operator that a layer, its bias and its rectifier become."""
    reader, maker = graph.only_reader(tensor), graph.maker(tensor)
    if reader is None:
        return False
    if reader.op in SUMS:
        return vector(graph, reader) is not None and layer(graph, maker) is not None
    if maker.op in SUMS and vector(graph, maker) is not None:
        maker = graph.maker(maker.input[0])
    return reader.op in RECTIFIERS and layer(graph, maker) is not None
