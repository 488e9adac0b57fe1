"""A graph in which each layer is there twice: as it is, and as 8 bits would have it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import tensorflow as tf

from lepton_edge_converters.load.rewrites import source
from lepton_edge_converters.passes.channels import MOVERS, is_fused
from lepton_edge_converters.passes.graph import Graph, Values
from lepton_edge_converters.passes.layers import Layer, layer

_LEVELS = 127  # of 8-bit weights, on either side of zero
_PREFIX = "rounded/"


def stored_tensors(graph: Graph) -> list[str]:
    """Return the tensors that are rounded to 8 bits, each with a range of its own."""
    return [node.name for node in graph if _is_stored(graph, node)]


def with_twins(graph: Graph, ranges: dict[str, Values]) -> tuple[Graph, dict[str, str]]:
    """Return a copy of a graph in which each layer has a rounded twin, and the twins' names by the layers' names.

    A twin reads what its layer reads, rounded wherever it is stored since the layer before; that one is taken as
    exact. So the two differ by what rounding does between one layer and the next.

    Args:
        graph: Stays as it is.
        ranges: Least and largest value of each stored tensor.
    """
    copy = _Copy(graph.definition)
    twins = {}
    for node in graph:
        one = layer(graph, node)
        if one is not None:
            twins[node.name] = copy.twin(node, {one.weights: round_kernel(one)})
        elif any(copy.differs(tensor) for tensor in node.input):
            copy.twins[node.name] = copy.twin(node)
        if node.name in ranges:
            copy.stored[node.name] = copy.quantizer(node.name, ranges[node.name])
    return Graph(copy.definition, graph.inputs, [*graph.outputs, *twins.values()]), twins


def round_kernel(one: Layer) -> Values:
    """Return a layer's kernel as TFLite holds it in 8 bits: symmetric, a scale for each output channel."""
    largest = np.abs(one.kernel).max(axis=one.others(), keepdims=True)
    scale = np.maximum(largest, np.finfo(np.float32).tiny) / np.float32(_LEVELS)
    values: Values = (np.rint(one.kernel / scale) * scale).astype(np.float32)
    return values


@dataclass(slots=True)
class _Copy:
    """A GraphDef that grows.

    Attributes:
        definition: The GraphDef.
        twins: Nodes that have a counterpart which reads what is rounded, by the nodes' names.
        stored: Tensors that are rounded, by the tensors' names.
    """

    definition: Any
    twins: dict[str, str] = field(default_factory=dict)
    stored: dict[str, str] = field(default_factory=dict)

    def differs(self, tensor: str) -> bool:
        """Tell whether there is a rounded form of a tensor."""
        return tensor in self.stored or source(tensor) in self.twins

    def twin(self, node: Any, constants: Mapping[int, Values] = MappingProxyType({})) -> str:
        """Add a node that does the same with what is rounded of what it reads, and with other constants at places."""
        name = f"{_PREFIX}{node.name}"
        inputs = [self._rounded(tensor) for tensor in node.input]
        for place, value in constants.items():
            inputs[place] = self._add_constant(f"{name}/constant", value)
        twin = self.definition.node.add()
        twin.CopyFrom(node)
        twin.name = name
        twin.input[:] = inputs
        return name

    def quantizer(self, tensor: str, limits: Values) -> str:
        """Add a node that rounds a tensor to 256 levels between its limits, zero among them."""
        name = f"{_PREFIX}{tensor}/stored"
        ends = [self._add_constant(f"{name}/{end}", limits[i]) for i, end in enumerate(("low", "high"))]
        node = self.definition.node.add(name=name, op="FakeQuantWithMinMaxVars", input=[self._rounded(tensor), *ends])
        node.attr["num_bits"].i = 8
        return name

    def _rounded(self, tensor: str) -> str:
        node, colon, output = tensor.partition(":")
        twin = f"{self.twins[node]}{colon}{output}" if node in self.twins else tensor
        return self.stored.get(tensor, twin)

    def _add_constant(self, name: str, value: Any) -> str:
        constant = self.definition.node.add(name=name, op="Const")
        tensor = tf.make_tensor_proto(value, dtype=tf.float32)
        constant.attr["dtype"].type = tensor.dtype
        constant.attr["value"].tensor.CopyFrom(tensor)
        return name


def _is_stored(graph: Graph, node: Any) -> bool:
    shape = graph.shape(node.name)
    return (
        bool(shape)
        and graph.is_real(node.name)
        and node.op not in ("Const", *MOVERS)
        and not is_fused(graph, node.name)
    )
