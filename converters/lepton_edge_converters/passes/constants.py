"""What is computed from constants alone, computed once: kernels and scales become constants that passes can see."""

from typing import Any

import tensorflow as tf

from lepton_edge_converters.passes.graph import Graph

_NUMBERS_MAX = 1 << 26  # a constant of a model is no larger; a filled one might be


def fold_constants(graph: Graph) -> None:
    """Replace each floating-point node that depends on constants alone by its value."""
    built = graph.built()
    constant: set[str] = set()
    frontier = []
    for node in graph:
        operation = built.get_operation_by_name(node.name)
        if node.op == "Const" or _computable(operation, constant):
            constant.add(node.name)
    for node in graph:
        if node.op == "Const" or node.name not in constant or not _wanted(built.get_operation_by_name(node.name)):
            continue
        if any(reader.name not in constant for reader, _ in graph.readers(node.name)):
            frontier.append(node)
    with tf.compat.v1.Session(graph=built) as session:
        for node, value in zip(frontier, session.run([f"{node.name}:0" for node in frontier]), strict=True):
            graph.freeze(node, value)


def _computable(operation: Any, constant: set[str]) -> bool:
    """Tell whether an operation always gives the same, from constants."""
    inputs = [tensor.op.name for tensor in operation.inputs]
    return (
        bool(inputs)
        and constant.issuperset(inputs)
        and len(operation.outputs) == 1
        and not operation.control_inputs
        and not operation.op_def.is_stateful
    )


def _wanted(operation: Any) -> bool:
    (output,) = operation.outputs
    numbers = output.shape.num_elements()
    return output.dtype == tf.float32 and numbers is not None and numbers <= _NUMBERS_MAX
