"""One way to write an ONNX graph: the same model gives the same bytes.

tf2onnx names and orders by what its process did before. Here nodes come in the order in which the
outputs need them and are named by kind and number; every use of a small constant has its own copy, since
ONNX Runtime's exact 8-bit mode crashes on quantizers that share theirs.
"""

from collections import Counter

import onnx
from onnx import helper, numpy_helper

_SMALL_BYTES = 4096
_QUANTIZERS = ("QuantizeLinear", "DequantizeLinear")


def canonicalize(model: onnx.ModelProto, inputs: list[str], outputs: list[str]) -> None:
    """Rewrite names and order in place; inputs and outputs keep their names and come in this order."""
    graph = model.graph
    model.producer_name, model.producer_version, model.doc_string = "lepton-edge", "", ""
    del model.metadata_props[:]
    if any(attribute.HasField("g") for node in graph.node for attribute in node.attribute):
        return  # the body of a loop reads names from outside it, so they stay as they are
    constants = {tensor.name: tensor for tensor in graph.initializer}
    ordered = _needed_order(graph, outputs)
    names = {name: name for name in inputs} | {name: name for name in outputs} | {"": ""}
    counts: Counter[str] = Counter()
    nodes: list[onnx.NodeProto] = []
    initializers: list[onnx.TensorProto] = []
    written: dict[str, str] = {}
    for node in ordered:
        title = f"{node.op_type}_{counts[node.op_type]}"
        counts[node.op_type] += 1
        # Made anew, not copied: a field set to its default and one not set are different bytes.
        renamed = helper.make_node(node.op_type, node.input, node.output, title, domain=node.domain or None)
        renamed.attribute.extend(sorted(node.attribute, key=lambda attribute: attribute.name))
        for i, name in enumerate(node.input):
            if name in constants and name not in names:
                renamed.input[i] = _place(constants[name], f"{title}_{i}", node, written, initializers)
            else:
                renamed.input[i] = names[name]
        for i, name in enumerate(node.output):
            names.setdefault(name, f"{title}_out" if i == 0 else f"{title}_out{i}")
            renamed.output[i] = names[name]
        nodes.append(renamed)
    ends = {end.name: _plain(end) for end in (*graph.input, *graph.output)}
    canonical = helper.make_graph(
        nodes, "model", [ends[name] for name in inputs], [ends[name] for name in outputs], initializers
    )
    graph.CopyFrom(canonical)
    used = {node.domain for node in nodes} | {""}
    imports = sorted((o.domain, o.version) for o in model.opset_import if o.domain in used)
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in imports)


def _plain(end: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    """Return an input or output with its name, type and shape, and nothing else."""
    tensor = end.type.tensor_type
    shape = [size.dim_value if size.HasField("dim_value") else size.dim_param for size in tensor.shape.dim]
    return helper.make_tensor_value_info(end.name, tensor.elem_type, shape)


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
            stack.extend((makers[name], False) for name in reversed(graph.node[i].input) if name in makers)
    return ordered


def _place(
    constant: onnx.TensorProto,
    name: str,
    node: onnx.NodeProto,
    written: dict[str, str],
    initializers: list[onnx.TensorProto],
) -> str:
    """Write a constant under a name of its own, or return the name of a large one written before."""
    own = node.op_type in _QUANTIZERS or constant.ByteSize() <= _SMALL_BYTES
    if not own and constant.name in written:
        return written[constant.name]
    # Through numpy, so that the same values are always stored the same way.
    initializers.append(numpy_helper.from_array(numpy_helper.to_array(constant), name))
    written[constant.name] = name
    return name
