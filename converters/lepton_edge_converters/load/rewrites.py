"""Changes to a frozen graph that are equal to the bit, and without which an int8 file would compute in float."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from lepton_edge_converters.load.frozen import imported


def rewritten(frozen: Any) -> Callable[..., list[Any]]:
    """Return a frozen function, to be called as it was, without what TFLite's quantizer cannot bear."""
    definition = frozen.graph.as_graph_def()
    _with_constant_shapes(definition, frozen.graph)
    _without_neg(definition)
    _without_half_used_splits(definition, frozen.graph, {tensor.op.name for tensor in frozen.outputs})
    return imported(definition, frozen)


def _with_constant_shapes(definition: Any, graph: Any) -> None:
    """Let each ``Reshape`` whose value has one open axis take a constant, -1 at that axis.

    With a free batch, Keras computes such a shape when the model runs: three operators more, and a tensor whose size
    is not known before.
    """
    for node in [node for node in definition.node if node.op == "Reshape"]:
        operation = graph.get_operation_by_name(node.name)
        shape = operation.outputs[0].shape
        if shape.rank is None or operation.inputs[1].op.type == "Const" or shape.as_list().count(None) != 1:
            continue
        constant = np.array([-1 if size is None else size for size in shape.as_list()], np.int32)
        _add_constant(definition, f"{node.name}/constant_shape", constant, tf.int32.as_datatype_enum)
        node.input[1] = f"{node.name}/constant_shape"
        node.attr["Tshape"].type = tf.int32.as_datatype_enum


def _without_neg(definition: Any) -> None:
    """Write each ``Neg`` as a multiplication by -1.

    TFLite has an 8-bit multiplication but no 8-bit ``NEG``: a LayerNormalization would keep a hole of float.
    The ``Neg`` of an exact GELU stays: the converter knows that pattern whole.
    """
    gelu = _before_erfc(definition)
    for node in [node for node in definition.node if node.op == "Neg" and node.name not in gelu]:
        dtype = node.attr["T"].type
        _add_constant(definition, f"{node.name}/minus_one", -1, dtype)
        node.op = "Mul"
        node.input.insert(1, f"{node.name}/minus_one")


def _before_erfc(definition: Any) -> set[str]:
    """Return the nodes one and two steps before an ``Erfc``: ``x / 2 * erfc(-x / sqrt(2))``."""
    inputs = {node.name: [source(name) for name in node.input] for node in definition.node}
    first = {name for node in definition.node if node.op == "Erfc" for name in inputs[node.name]}
    return first | {name for node in first for name in inputs[node]}


def _without_half_used_splits(definition: Any, graph: Any, outputs: set[str]) -> None:
    """Write a ``Split`` of which a part goes nowhere as one ``Slice`` a part.

    The quantizer leaves a split with an unused part in float, or does not, as its tables happen to lie in
    memory. The first step of an LSTM that is written out has one: its forget gate forgets zeros.
    """
    users = _users(definition)
    dead = _dead(definition, outputs)
    for node in [node for node in definition.node if node.op == "Split" and node.name not in outputs]:
        parts = [f"{node.name}:{i}" if i else node.name for i in range(node.attr["num_split"].i)]
        used = [any(user.name not in dead for user in users.get(part, [])) for part in parts]
        if any(used) and not all(used):
            _slice(definition, graph, node, parts, users)


def _slice(definition: Any, graph: Any, split: Any, parts: list[str], users: dict[str, list[Any]]) -> None:
    """Replace a split by slices, where its axis is known; other axes may be open, and are taken whole."""
    operation = graph.get_operation_by_name(split.name)
    axis = tf.get_static_value(operation.inputs[0])
    shape = operation.inputs[1].shape
    if axis is None or shape.rank is None or shape[int(axis)] is None:
        return
    size = np.array([-1 if one is None else one for one in shape.as_list()], np.int32)
    size[axis] //= len(parts)
    _add_constant(definition, f"{split.name}/size", size, tf.int32.as_datatype_enum)
    for i, part in enumerate(parts):
        begin = np.zeros_like(size)
        begin[axis] = i * size[axis]
        _add_constant(definition, f"{split.name}/begin_{i}", begin, tf.int32.as_datatype_enum)
        piece = definition.node.add(name=f"{split.name}/part_{i}", op="Slice")
        piece.input.extend([split.input[1], f"{split.name}/begin_{i}", f"{split.name}/size"])
        piece.attr["T"].type = split.attr["T"].type
        piece.attr["Index"].type = tf.int32.as_datatype_enum
        for user in users.get(part, []):
            user.input[:] = [piece.name if plain(name) == part else name for name in user.input]
    definition.node.remove(split)


def _dead(definition: Any, outputs: set[str]) -> set[str]:
    """Return the nodes that no output depends on once what is multiplied by zeros is folded."""
    zeros = {node.name for node in definition.node if _is_zeros(node)}
    inputs = {node.name: [source(name) for name in node.input] for node in definition.node}
    folded = {node.name for node in definition.node if node.op == "Mul" and zeros & set(inputs[node.name])}
    alive: set[str] = set()
    pending = list(outputs)
    while pending:
        name = pending.pop()
        if name not in alive and name not in folded:
            alive.add(name)
            pending += inputs[name]
    return set(inputs) - alive


def _is_zeros(node: Any) -> bool:
    return node.op == "Const" and not np.any(tf.make_ndarray(node.attr["value"].tensor))


def _users(definition: Any) -> dict[str, list[Any]]:
    """Return who takes each tensor, by the tensor's name as inputs write it (``name``, ``name:1``)."""
    users: dict[str, list[Any]] = {}
    for node in definition.node:
        for name in node.input:
            users.setdefault(plain(name), []).append(node)
    return users


def plain(tensor: str) -> str:
    """Return a tensor's name as the inputs of nodes write it: ``name``, or ``name:1`` for a further output."""
    return tensor.removesuffix(":0")


def source(tensor: str) -> str:
    """Return the name of the node that makes a tensor."""
    return tensor.lstrip("^").split(":")[0]


def _add_constant(definition: Any, name: str, value: Any, dtype: int) -> None:
    constant = definition.node.add(name=name, op="Const")
    constant.attr["dtype"].type = dtype
    constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, dtype=dtype))
