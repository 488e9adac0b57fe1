"""Layers: operators whose output channels are weighted sums, with a constant for weights."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from lepton_edge_converters.passes.graph import Graph, Values


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
    if not counts_channels_last(node) or _flag(node, "transpose_a", "adj_x"):
        return False
    return node.op != "BatchMatMulV2" or len(graph.shape(node.input[row.weights]) or ()) == 2


def counts_channels_last(node: Any) -> bool:
    """Tell whether a node takes the last axis for that of the channels, as far as it cares."""
    return "data_format" not in node.attr or node.attr["data_format"].s == b"NHWC"


def _flag(node: Any, *names: str) -> bool:
    return any(name in node.attr and node.attr[name].b for name in names)


def _pads(node: Any, kernel: Values) -> bool:
    padding = node.attr["padding"].s if "padding" in node.attr else b"VALID"
    return padding != b"VALID" and kernel.shape[:2] != (1, 1)


def _along(values: Values, axes: tuple[int, ...], kernel: Values) -> Values:
    shape = [size if axis in axes else 1 for axis, size in enumerate(kernel.shape)]
    return values.reshape(shape).astype(np.float32)
