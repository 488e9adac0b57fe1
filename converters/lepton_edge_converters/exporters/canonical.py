"""One way to write an ONNX graph: the same model gives the same bytes.

tf2onnx names and orders by what its process did before. Here nodes come in the order in which the
outputs need them and are named by kind and number; every use of a small constant has its own copy, since
ONNX Runtime's exact 8-bit mode crashes on quantizers that share theirs.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import onnx
from onnx import helper, numpy_helper

_SMALL_BYTES = 4096
_QUANTIZERS = ("QuantizeLinear", "DequantizeLinear")


def canonicalize(model: onnx.ModelProto, inputs: list[str], outputs: list[str]) -> None:
    """Rewrite names and order in place; inputs and outputs keep their names and come in this order."""
    graph = model.graph
    model.producer_name, model.producer_version, model.doc_string = "lepton-edge", "", ""
    del model.metadata_props[:]
    ends = {end.name: end for end in (*graph.input, *graph.output)}
    writer = _Writer(graph, {name: name for name in (*inputs, *outputs)})
    canonical = writer.written("model", [ends[name] for name in inputs], [ends[name] for name in outputs])
    graph.CopyFrom(canonical)
    used = set(_domains(graph)) | {""}
    imports = sorted((o.domain, o.version) for o in model.opset_import if o.domain in used)
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in imports)


class _Writer:
    """Writes one graph anew; the body of a loop has a writer of its own, which asks this one for names outside.

    Args:
        graph: To write.
        names: New names that are settled already, by the old ones.
        outer: Of the graph around a body.
    """

    def __init__(self, graph: onnx.GraphProto, names: dict[str, str], outer: "_Writer | None" = None) -> None:
        self._graph = graph
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._names = names | {"": ""}
        self._outer = outer
        self._prefix = ""
        self._counts: Counter[str] = Counter()
        self._placed: dict[str, str] = {}
        self._initializers: list[onnx.TensorProto] = []

    def written(
        self, title: str, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
    ) -> onnx.GraphProto:
        """Return the graph with canonical names and order."""
        self._prefix = "" if self._outer is None else f"{title}/"
        nodes = [self._node(node) for node in _needed_order(self._graph, [end.name for end in outputs])]
        into, out_of = ([_plain(end, self.name_of(end.name)) for end in side] for side in (inputs, outputs))
        return helper.make_graph(nodes, title, into, out_of, self._initializers)

    def name_of(self, name: str) -> str:
        """Return the new name of a tensor of this graph or of one around it."""
        if name in self._names:
            return self._names[name]
        if name in self._constants:
            return self._place(name, f"{self._prefix}constant_{len(self._initializers)}", own=False)
        if self._outer is None:
            raise KeyError(name)
        return self._outer.name_of(name)

    def _node(self, node: onnx.NodeProto) -> onnx.NodeProto:
        title = f"{self._prefix}{node.op_type}_{self._counts[node.op_type]}"
        self._counts[node.op_type] += 1
        # Made anew, not copied: a field set to its default and one not set are different bytes.
        renamed = helper.make_node(node.op_type, node.input, node.output, title, domain=node.domain or None)
        for i, name in enumerate(node.input):
            if name in self._constants and name not in self._names:
                own = node.op_type in _QUANTIZERS or self._constants[name].ByteSize() <= _SMALL_BYTES
                renamed.input[i] = self._place(name, f"{title}_{i}", own=own)
            else:
                renamed.input[i] = self.name_of(name)
        for attribute in sorted(node.attribute, key=lambda attribute: attribute.name):
            renamed.attribute.append(self._with_body(attribute, title))
        for i, name in enumerate(node.output):
            self._names.setdefault(name, f"{title}_out" if i == 0 else f"{title}_out{i}")
            renamed.output[i] = self._names[name]
        return renamed

    def _with_body(self, attribute: onnx.AttributeProto, title: str) -> onnx.AttributeProto:
        """Return the attribute, a graph in it written anew."""
        if not attribute.HasField("g"):
            return attribute
        body, title = attribute.g, f"{title}/{attribute.name}"
        names = {end.name: f"{title}/in{i}" for i, end in enumerate(body.input)}
        for i, end in enumerate(body.output):
            names.setdefault(end.name, f"{title}/out{i}")
        settled = {name: new for name, new in names.items() if name not in {t.name for t in body.initializer}}
        return helper.make_attribute(
            attribute.name, _Writer(body, settled, self).written(title, body.input, body.output)
        )

    def _place(self, name: str, new: str, *, own: bool) -> str:
        """Write a constant under a name of its own, or return the name of one written before."""
        if not own and name in self._placed:
            return self._placed[name]
        # Through numpy, so that the same values are always stored the same way.
        self._initializers.append(numpy_helper.from_array(numpy_helper.to_array(self._constants[name]), new))
        self._placed[name] = new
        return new


def _plain(end: onnx.ValueInfoProto, name: str) -> onnx.ValueInfoProto:
    """Return an input or output with its name, type and shape, and nothing else."""
    tensor = end.type.tensor_type
    if not tensor.HasField("shape"):
        return helper.make_tensor_value_info(name, tensor.elem_type, None)
    shape = [size.dim_value if size.HasField("dim_value") else size.dim_param for size in tensor.shape.dim]
    return helper.make_tensor_value_info(name, tensor.elem_type, shape)


def _needed_order(graph: onnx.GraphProto, outputs: list[str]) -> list[onnx.NodeProto]:
    """Return the nodes that the outputs need, each after those it needs, in the order of its inputs."""
    makers = {name: i for i, node in enumerate(graph.node) for name in node.output if name}
    entered: set[int] = set()
    ordered: list[onnx.NodeProto] = []
    stack = [(makers[name], False) for name in reversed(outputs) if name in makers]
    while stack:
        i, needed_done = stack.pop()
        if needed_done:
            ordered.append(graph.node[i])
        elif i not in entered:
            entered.add(i)
            stack.append((i, True))
            stack.extend((makers[name], False) for name in reversed(_reads(graph.node[i])) if name in makers)
    return ordered


def _reads(node: onnx.NodeProto) -> list[str]:
    """Return the tensors that a node reads, those that its bodies read from outside included."""
    names = list(node.input)
    for body in _bodies(node):
        inside = {tensor.name for tensor in body.initializer} | {end.name for end in body.input}
        for inner in body.node:
            names.extend(name for name in _reads(inner) if name not in inside)
            inside.update(inner.output)
        names.extend(end.name for end in body.output if end.name not in inside)
    return names


def _bodies(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    yield from (attribute.g for attribute in node.attribute if attribute.HasField("g"))


def _domains(graph: onnx.GraphProto) -> Iterator[str]:
    for node in graph.node:
        yield node.domain
        for body in _bodies(node):
            yield from _domains(body)
