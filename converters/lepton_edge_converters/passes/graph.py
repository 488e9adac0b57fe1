"""A frozen graph in the hands of the passes: who makes a tensor, who reads it, its shape, its constants."""

from collections.abc import Callable, Iterator
from graphlib import TopologicalSorter
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lepton_edge_converters import scopes
from lepton_edge_converters.load.rewrites import plain, source

Values = NDArray[np.float32]
Reader = tuple[Any, int]
"""A node, and the place of a tensor among its inputs."""


class Graph:
    """A frozen graph of one function, changed in place.

    Tensors are called as the inputs of nodes write them: ``name``, or ``name:1`` for a further output.

    Args:
        definition: A GraphDef without variables.
        inputs, outputs: Tensors, in order.
        title: What people call the layer that a node of this name belongs to.
    """

    def __init__(
        self, definition: Any, inputs: list[str], outputs: list[str], title: Callable[[str], str] = scopes.title
    ) -> None:
        self._definition = definition
        self.title = title
        self.inputs = [plain(name) for name in inputs]
        self.outputs = [plain(name) for name in outputs]
        self._nodes = {node.name: node for node in definition.node}
        self._taken = set(self._nodes)
        self._values: dict[str, NDArray[Any]] = {}
        for node in definition.node:
            node.input[:] = [plain(name) for name in node.input]
        operations = self.built().get_operations()
        tensors = [one for operation in operations for one in operation.outputs]
        self._shapes = {plain(one.name): _shape(one) for one in tensors}
        self._real = {plain(one.name) for one in tensors if one.dtype == tf.float32}
        self._readers: dict[str, list[Reader]] = {}
        self._index()

    def __iter__(self) -> Iterator[Any]:
        """Yield the nodes as they are now, each after those that it reads, in an order that is always the same."""
        order = TopologicalSorter({name: [source(one) for one in node.input] for name, node in self._nodes.items()})
        return iter([self._nodes[name] for name in order.static_order()])

    @property
    def definition(self) -> Any:
        """The GraphDef, without nodes that nothing depends on."""
        kept = type(self._definition)(versions=self._definition.versions, library=self._definition.library)
        kept.node.extend(self._nodes.values())
        return kept

    def built(self) -> Any:
        """Return it as a TensorFlow graph, to be run."""
        graph = tf.Graph()
        with graph.as_default():
            tf.graph_util.import_graph_def(self.definition, name="")
        return graph

    def function(self) -> Callable[..., list[Any]]:
        """Return it as a function of its inputs, to be traced."""
        definition = self.definition

        def imported(*tensors: Any) -> list[Any]:
            feed = dict(zip(self.inputs, tensors, strict=True))
            answers: list[Any] = tf.graph_util.import_graph_def(
                definition, input_map=feed, return_elements=[full(one) for one in self.outputs], name=""
            )
            return [tf.identity(one) for one in answers]

        return imported

    def alive(self, node: Any) -> bool:
        """Tell whether a node is still a part of the graph."""
        return self._nodes.get(node.name) is node

    def maker(self, tensor: str) -> Any:
        """Return the node that makes a tensor."""
        return self._nodes[source(tensor)]

    def readers(self, tensor: str) -> list[Reader]:
        """Return who reads a tensor; an output of the graph has a reader more than it says."""
        return list(self._readers.get(plain(tensor), []))

    def only_reader(self, tensor: str) -> Any | None:
        """Return the one node that reads a tensor; ``None`` if several do, or if it leaves the graph."""
        readers = self._readers.get(plain(tensor), [])
        return readers[0][0] if len(readers) == 1 and plain(tensor) not in self.outputs else None

    def shape(self, tensor: str) -> tuple[int, ...] | None:
        """Return a tensor's shape; ``None`` where a part of it is not fixed."""
        return self._shapes.get(plain(tensor))

    def is_real(self, tensor: str) -> bool:
        """Tell whether a tensor holds real numbers, of 32 bits."""
        return plain(tensor) in self._real

    def constant(self, tensor: str) -> NDArray[Any] | None:
        """Return a constant's value; ``None`` of what is computed."""
        name = source(tensor)
        node = self._nodes[name]
        if node.op == "Const" and name not in self._values:
            self._values[name] = tf.make_ndarray(node.attr["value"].tensor)
        return self._values.get(name)

    def set_constant(self, node: Any, place: int, value: NDArray[Any]) -> None:
        """Let a node read another constant; whoever shares the old one keeps it."""
        node.input[place] = self._constant(f"{node.name}/constant", value)
        self._index()

    def become(self, node: Any, op: str, tensor: str, value: Values) -> None:
        """Let a node with one output combine a tensor with a constant instead of what it does."""
        self._combine(node, op, tensor, value)
        self._index()

    def insert(self, op: str, tensor: str, value: Values) -> Any:
        """Put an operator with a constant between a tensor and all that reads it; return its node."""
        readers = self.readers(tensor)
        node = self._add(f"{source(tensor)}_{op}", op, [], self.shape(tensor))
        self._combine(node, op, tensor, value)
        self._redirect(tensor, readers, node.name)
        return node

    def insert_before(self, reader: Any, op: str, value: Values) -> Any:
        """Put an operator with a constant between a node and what it reads first; return the new node."""
        tensor = reader.input[0]
        node = self._add(f"{source(tensor)}_{op}", op, [], self.shape(tensor))
        self._combine(node, op, tensor, value)
        reader.input[0] = node.name
        self._index()
        return node

    def widen(self, node: Any) -> None:
        """Let a product with one number a channel, of four axes, be a depthwise layer of one pixel."""
        factors = np.asarray(self.constant(node.input[1]))
        node.op = "DepthwiseConv2dNative"
        node.attr["padding"].s = b"VALID"
        node.attr["strides"].list.i.extend([1, 1, 1, 1])
        self.set_constant(node, 1, factors.reshape(1, 1, -1, 1))

    def bypass(self, node: Any, place: int = 0) -> None:
        """Let all that reads a node's only output read one of the node's inputs instead."""
        self._redirect(node.name, self.readers(node.name), node.input[place])

    def freeze(self, node: Any, value: NDArray[Any]) -> None:
        """Let a node with one output be its value."""
        node.op = "Const"
        del node.input[:]
        node.attr.clear()
        _fill(node, value)
        self._index()

    def _add(self, wanted: str, op: str, inputs: list[str], shape: tuple[int, ...] | None) -> Any:
        name, number = wanted, 0
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        self._nodes[name] = node = self._definition.node.add(name=name, op=op, input=inputs)
        self._shapes[name] = shape
        self._real.add(name)
        return node

    def _constant(self, wanted: str, value: NDArray[Any]) -> str:
        constant = self._add(wanted, "Const", [], value.shape)
        _fill(constant, value)
        return str(constant.name)

    def _combine(self, node: Any, op: str, tensor: str, value: Values) -> None:
        node.op = op
        node.input[:] = [tensor, self._constant(f"{node.name}/constant", value)]
        node.attr.clear()
        node.attr["T"].type = tf.float32.as_datatype_enum

    def _redirect(self, tensor: str, readers: list[Reader], other: str) -> None:
        for node, place in readers:
            node.input[place] = other
        self.outputs = [plain(other) if name == plain(tensor) else name for name in self.outputs]
        self._index()

    def _index(self) -> None:
        """Find out anew who reads what, and forget the nodes that nothing depends on."""
        self._readers, alive = {}, set[str]()
        pending = [source(tensor) for tensor in (*self.inputs, *self.outputs)]
        while pending:
            name = pending.pop()
            if name in alive:
                continue
            alive.add(name)
            for place, tensor in enumerate(self._nodes[name].input):
                self._readers.setdefault(plain(tensor), []).append((self._nodes[name], place))
                pending.append(source(tensor))
        self._nodes = {name: node for name, node in self._nodes.items() if name in alive}
        self._values = {name: value for name, value in self._values.items() if name in alive}


def full(tensor: str) -> str:
    """Return a tensor's name as TensorFlow's own objects are called: with the number of the output."""
    return tensor if ":" in tensor else f"{tensor}:0"


def _shape(tensor: Any) -> tuple[int, ...] | None:
    return tuple(tensor.shape.as_list()) if tensor.shape.is_fully_defined() else None


def _fill(constant: Any, value: NDArray[Any]) -> None:
    tensor = tf.make_tensor_proto(value)
    constant.attr["dtype"].type = tensor.dtype
    constant.attr["value"].tensor.CopyFrom(tensor)
