"""Sums and products with one number a channel, in the one form that the passes look for."""

from typing import Any

import numpy as np

from lepton_edge_converters.passes.channels import LINEAR, PRODUCTS, SUMS, vector
from lepton_edge_converters.passes.graph import Graph, Values
from lepton_edge_converters.passes.layers import Layer, counts_channels_last, layer


def normalize(graph: Graph) -> None:
    """Write all of them as ``AddV2`` and ``Mul``, the constant second."""
    for node in graph:
        _split_normalization(graph, node)
    for node in graph:
        _in_order(graph, node)


def factor_of(graph: Graph, node: Any) -> Values | None:
    """Return what a node multiplies each channel by; ``None`` if it does something else."""
    found = vector(graph, node) if node.op == "Mul" else None
    return found[1] if found is not None else None


def shift_of(graph: Graph, node: Any) -> Values | None:
    """Return what a node adds to each channel; ``None`` if it does something else."""
    found = vector(graph, node) if node.op in ("BiasAdd", "AddV2", "Add") else None
    return found[1] if found is not None else None


def merge_sums(graph: Graph, node: Any) -> bool:
    """Write two sums with constants, one behind the other, as one."""
    found = shift_of(graph, node)
    if found is None:
        return False
    before = graph.maker(node.input[0])
    other = shift_of(graph, before)
    if other is None or graph.only_reader(before.name) is None:
        return False
    graph.become(node, "AddV2", before.input[0], found + other)
    return True


def add_to_bias(graph: Graph, target: Layer, bias: Values) -> None:
    """Add one number an output channel to what a layer makes."""
    behind = graph.only_reader(target.node.name)
    shift = shift_of(graph, behind) if behind is not None else None
    if shift is None:
        graph.insert("AddV2", target.node.name, bias)
    else:
        graph.become(behind, "AddV2", target.node.name, shift + bias)


def is_bias(graph: Graph, node: Any) -> bool:
    """Tell whether a sum follows a layer, with no more between them than moves numbers."""
    maker = graph.maker(node.input[0])
    while maker.op in LINEAR and maker.input:
        maker = graph.maker(maker.input[0])
    return layer(graph, maker) is not None


def _split_normalization(graph: Graph, node: Any) -> None:
    """Write a normalization in one operator as a product and a sum."""
    if not node.op.startswith("FusedBatchNorm") or node.attr["is_training"].b:
        return
    if not counts_channels_last(node) or any(graph.readers(f"{node.name}:{i}") for i in range(1, 6)):
        return
    constants = [graph.constant(name) for name in node.input[1:5]]
    if any(one is None for one in constants):
        return
    gamma, beta, mean, variance = (np.asarray(one, np.float64) for one in constants)
    scale = gamma / np.sqrt(variance + node.attr["epsilon"].f)
    graph.become(node, "Mul", node.input[0], scale.astype(np.float32))
    graph.insert("AddV2", node.name, (beta - mean * scale).astype(np.float32))


def _in_order(graph: Graph, node: Any) -> None:
    """Write a sum or product with a constant as one of these two, the constant second."""
    found = vector(graph, node) if node.op in (*SUMS, *PRODUCTS) else None
    if found is None or (found[0] == 1 and node.op in ("Sub", "RealDiv")):
        return
    place, values = found
    if node.op == "Sub":
        graph.become(node, "AddV2", node.input[0], -values)
    elif node.op == "RealDiv" and np.all(values):
        graph.become(node, "Mul", node.input[0], (1 / values).astype(np.float32))
    elif place == 1:
        graph.become(node, "AddV2" if node.op in SUMS else "Mul", node.input[1], values)
