"""Which operators mix channels, and which only pass them on; channels are the last axis."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from lepton_edge_converters.passes.graph import Graph, Values

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


@dataclass(frozen=True, slots=True)
class Layer:
    """An operator with a kernel: each output channel is a weighted sum of its own.

    Attributes:
        node: The operator.
        kernel: Its weights.
        data, weights: Places of the two among the node's inputs.
        into: Axis of the kernel that counts input channels.
        out: Axis, or axes, that count output channels.
        pads: Whether it adds zeros around what it reads.
    """

    node: Any
    kernel: Values
    data: int
    weights: int
    into: int
    out: tuple[int, ...]
    pads: bool

    @property
    def tensor(self) -> str:
        """What it reads."""
        return str(self.node.input[self.data])

    @property
    def mixes(self) -> bool:
        """Whether an output channel is made of several input channels."""
        return self.into not in self.out

    @property
    def channels_in(self) -> int:
        """How many channels it reads."""
        return int(self.kernel.shape[self.into])

    @property
    def channels_out(self) -> int:
        """How many channels it makes."""
        return prod(self.kernel.shape[axis] for axis in self.out)

    def along_input(self, values: Values) -> Values:
        """Return one number an input channel, shaped to be multiplied with the kernel."""
        return _along(values, (self.into,), self.kernel)

    def along_output(self, values: Values) -> Values:
        """Return one number an output channel, shaped to be multiplied with the kernel."""
        return _along(values, self.out, self.kernel)

    def others(self) -> tuple[int, ...]:
        """Return the axes of the kernel that do not count output channels."""
        return tuple(axis for axis in range(self.kernel.ndim) if axis not in self.out)


def layer(graph: Graph, node: Any) -> Layer | None:
    """Return what kind of layer a node is; ``None`` if it is none, or one that the passes leave alone."""
    row = _LAYERS.get(node.op)
    if row is None or not _plain_layer(graph, node, row):
        return None
    kernel = graph.constant(node.input[row.weights])
    if kernel is None or kernel.dtype != np.float32:
        return None
    into, out = row.into, row.out
    if node.op.startswith(("MatMul", "BatchMatMul")) and _flag(node, "transpose_b", "adj_y"):
        into, out = 1, (0,)
    found = Layer(node, kernel, row.data, row.weights, into, out, _pads(node, kernel))
    shapes = graph.shape(found.tensor), graph.shape(node.name)
    if shapes[0] is None or shapes[1] is None:
        return None
    # A grouped convolution counts the channels of one group.
    fits = shapes[0][-1] == found.channels_in and shapes[1][-1] == found.channels_out
    return found if fits else None


@dataclass(frozen=True, slots=True)
class _Row:
    """Where the data and the weights of a layer are, and which axes of the weights count channels."""

    data: int
    weights: int
    into: int
    out: tuple[int, ...]


_LAYERS = {
    "Conv2D": _Row(0, 1, 2, (3,)),
    "DepthwiseConv2dNative": _Row(0, 1, 2, (2, 3)),
    "Conv2DBackpropInput": _Row(2, 1, 3, (2,)),
    "MatMul": _Row(0, 1, 0, (1,)),
    "BatchMatMulV2": _Row(0, 1, 0, (1,)),
}


def _plain_layer(graph: Graph, node: Any, row: _Row) -> bool:
    if not _last_axis(node) or _flag(node, "transpose_a", "adj_x"):
        return False
    return node.op != "BatchMatMulV2" or len(graph.shape(node.input[row.weights]) or ()) == 2


def _last_axis(node: Any) -> bool:
    return "data_format" not in node.attr or node.attr["data_format"].s == b"NHWC"


def _flag(node: Any, *names: str) -> bool:
    return any(name in node.attr and node.attr[name].b for name in names)


def _pads(node: Any, kernel: Values) -> bool:
    padding = node.attr["padding"].s if "padding" in node.attr else b"VALID"
    return padding != b"VALID" and kernel.shape[:2] != (1, 1)


def _along(values: Values, axes: tuple[int, ...], kernel: Values) -> Values:
    shape = [size if axis in axes else 1 for axis, size in enumerate(kernel.shape)]
    return values.reshape(shape).astype(np.float32)


def vector(graph: Graph, node: Any) -> tuple[int, Values] | None:
    """Return the place of a node's data, and the constant that it combines with it, one number a channel.

    ``None`` where there is no such constant, or only one number for all channels: the converter knows many an
    activation by its numbers.
    """
    if len(node.input) != 2:
        return None
    for place in (0, 1):
        constant, shape = graph.constant(node.input[1 - place]), graph.shape(node.input[place])
        if constant is None or shape is None or constant.dtype != np.float32 or graph.constant(node.input[place]) is not None:
            continue
        if constant.size > 1 and constant.size == shape[-1] == constant.shape[-1] and graph.shape(node.name) == shape:
            return place, constant.reshape(-1)
    return None


def keeps_channels(graph: Graph, node: Any) -> bool:
    """Tell whether a node of the kinds above gives the channels of its first input, in order, once or repeated."""
    before, after = graph.shape(node.input[0]), graph.shape(node.name)
    if not before or not after or after[-1] % before[-1] or not _last_axis(node):
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
