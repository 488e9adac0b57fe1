"""Batch normalizations, and other scales and shifts of channels, into the layers before or behind them.

TensorFlow's converter folds a normalization that follows a convolution directly. Here one that comes after the
activation, or before the convolution, is folded as well, as far as the answers stay the same.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lepton_edge_converters.passes.channels import (
    LINEAR,
    POSITIVE,
    PRODUCTS,
    SUMS,
    Layer,
    keeps_channels,
    layer,
    vector,
)
from lepton_edge_converters.passes.graph import Graph, Values
from lepton_edge_converters.passes.naming import listed, title

# A number added to all of a channel comes out of these as it was; a border of zeros would not have it.
_SHIFTABLE = ("Identity", "AvgPool", "MaxPool", "Mean", "Reshape", "Squeeze", "ExpandDims", "ResizeBilinear", "ResizeNearestNeighbor")  # fmt: skip


def fold(graph: Graph) -> tuple[str, ...]:
    """Fold what can be folded, and return what was done, a sentence each."""
    for node in graph:
        _split_normalization(graph, node)
        _in_order(graph, node)
    folded: dict[str, list[str]] = {}
    rules: tuple[tuple[str, Callable[[Graph, Any], bool]], ...] = (
        ("merged", _merge_sums),
        ("scales folded into the layer before", _scale_before),
        ("swapped", _swap_sign),
        ("scales folded into the layers behind", _scale_behind),
        ("shifts folded into the layers behind", _shift_behind),
    )
    changed = True
    while changed:
        changed = False
        for what, rule in rules:
            for node in graph:
                if graph.alive(node) and rule(graph, node):
                    folded.setdefault(what, []).append(title(node.name))
                    changed = True
    for node in graph:
        if graph.alive(node) and _as_layer(graph, node):
            folded.setdefault("scales and shifts made a layer of their own", []).append(title(node.name))
    return tuple(f"{what}: {listed(names)}" for what, names in folded.items() if " " in what)


def _split_normalization(graph: Graph, node: Any) -> None:
    """Write a normalization in one operator as a product and a sum."""
    if not node.op.startswith("FusedBatchNorm") or node.attr["is_training"].b:
        return
    if node.attr["data_format"].s not in (b"", b"NHWC") or any(graph.readers(f"{node.name}:{i}") for i in range(1, 6)):
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
    if place == 1 or node.op in ("Sub", "RealDiv"):
        values = {"Sub": -values, "RealDiv": 1 / values}.get(node.op, values)
        graph.become(node, "AddV2" if node.op in SUMS else "Mul", node.input[place], values)


def _merge_sums(graph: Graph, node: Any) -> bool:
    """Write two sums with constants, one behind the other, as one."""
    found = _sum(graph, node)
    if found is None:
        return False
    before = graph.maker(node.input[0])
    other = _sum(graph, before)
    if other is None or graph.only_reader(before.name) is None:
        return False
    graph.become(node, "AddV2", before.input[0], found + other)
    return True


def _scale_before(graph: Graph, node: Any) -> bool:
    """Fold a product into the layer before, and through an activation what of it is positive."""
    factor = _factor(graph, node)
    if factor is None:
        return False
    path: list[Any] = []
    crossed, target = False, None
    reader, tensor = node, node.input[0]
    while target is None:
        maker = graph.maker(tensor)
        if graph.only_reader(tensor) is not reader:
            return False
        target = layer(graph, maker)
        if target is None:
            if not _passes_back(graph, maker):
                return False
            crossed |= maker.op in POSITIVE
            path += [maker] if maker.op in SUMS else []
            reader, tensor = maker, maker.input[0]
    if target.channels_out != factor.size:
        return False
    size = np.abs(factor) if crossed else factor
    if crossed and np.all(size == 1):
        return False
    graph.set_constant(target.node, target.weights, target.kernel * target.along_output(size))
    for one in path:
        found = _sum(graph, one)
        assert found is not None
        graph.become(one, "AddV2", one.input[0], found * size)
    if crossed and np.any(factor < 0):
        graph.become(node, "Mul", node.input[0], np.where(factor < 0, -1, 1).astype(np.float32))
    else:
        graph.bypass(node)
    return True


def _passes_back(graph: Graph, node: Any) -> bool:
    if node.op in SUMS:
        return _sum(graph, node) is not None
    if node.op not in (*LINEAR, *POSITIVE) or not keeps_channels(graph, node):
        return False
    before, after = graph.shape(node.input[0]), graph.shape(node.name)
    return before is not None and after is not None and before[-1] == after[-1]


def _swap_sign(graph: Graph, node: Any) -> bool:
    """Let a product with signs alone come behind the sum that follows it."""
    factor = _factor(graph, node)
    if factor is None or not np.all(np.abs(factor) == 1):
        return False
    behind = graph.only_reader(node.name)
    shift = _sum(graph, behind) if behind is not None else None
    if shift is None:
        return False
    graph.become(node, "AddV2", node.input[0], shift * factor)
    graph.become(behind, "Mul", node.name, factor)
    return True


def _scale_behind(graph: Graph, node: Any) -> bool:
    """Fold a product into all the layers that read it."""
    factor = _factor(graph, node)
    if factor is None:
        return False
    passing = (*LINEAR, *POSITIVE) if np.all(factor > 0) else LINEAR
    targets = _layers_behind(graph, node.name, passing)
    if not targets:
        return False
    for one in targets:
        graph.set_constant(one.node, one.weights, one.kernel * one.along_input(_repeated(factor, one)))
    graph.bypass(node)
    return True


def _shift_behind(graph: Graph, node: Any) -> bool:
    """Fold a sum into the biases of all the layers that read it, if none of them adds a border of zeros."""
    shift = _sum(graph, node)
    if shift is None:
        return False
    targets = _layers_behind(graph, node.name, _SHIFTABLE)
    if not targets or any(one.pads or one.node.op == "Conv2DBackpropInput" for one in targets):
        return False
    if _is_bias(graph, node):
        return False  # it is where it belongs
    for one in targets:
        reached = one.kernel.astype(np.float64) * one.along_input(_repeated(shift, one))
        add_to_bias(graph, one, reached.sum(one.others()).reshape(-1).astype(np.float32))
    graph.bypass(node)
    return True


def _as_layer(graph: Graph, node: Any) -> bool:
    """Let a sum that no layer takes in, with a product before it, be a depthwise layer of one pixel.

    The converter would leave operators whose constants have one scale for all channels; a layer's weights have one
    for each, and its bias has 32 bits.
    """
    shift, shape = _sum(graph, node), graph.shape(node.name)
    if shift is None or shape is None or len(shape) != 4 or _is_bias(graph, node):
        return False
    before = graph.maker(node.input[0])
    if _factor(graph, before) is None or graph.only_reader(before.name) is not node:
        before = graph.insert_before(node, "Mul", np.ones_like(shift))
    graph.widen(before)
    return True


def _is_bias(graph: Graph, node: Any) -> bool:
    """Tell whether a sum follows a layer, with no more between them than moves numbers."""
    maker = graph.maker(node.input[0])
    while maker.op in LINEAR and maker.input:
        maker = graph.maker(maker.input[0])
    return layer(graph, maker) is not None


def add_to_bias(graph: Graph, target: Layer, bias: Values) -> None:
    """Add one number an output channel to what a layer makes."""
    behind = graph.only_reader(target.node.name)
    shift = _sum(graph, behind) if behind is not None else None
    if shift is None:
        graph.insert("AddV2", target.node.name, bias)
    else:
        graph.become(behind, "AddV2", target.node.name, shift + bias)


def _layers_behind(graph: Graph, tensor: str, passing: tuple[str, ...]) -> list[Layer]:
    """Return the layers that read a tensor, through operators of these kinds; none if anything else does."""
    found: list[Layer] = []
    pending = [tensor]
    while pending:
        name = pending.pop()
        readers = graph.readers(name)
        if not readers or name in graph.outputs:
            return []
        for node, place in readers:
            target = layer(graph, node)
            if target is not None and place == target.data:
                found.append(target)
            elif node.op in passing and place == 0 and keeps_channels(graph, node):
                pending.append(node.name)
            else:
                return []
    return found


def _repeated(values: Values, target: Layer) -> Values:
    """Return one number an input channel of a layer: flattening repeats the channels at each place."""
    return np.tile(values, target.channels_in // values.size)


def _factor(graph: Graph, node: Any) -> Values | None:
    """Return what a node multiplies each channel by; ``None`` if it does something else."""
    found = vector(graph, node) if node.op == "Mul" else None
    return found[1] if found is not None else None


def _sum(graph: Graph, node: Any) -> Values | None:
    """Return what a node adds to each channel; ``None`` if it does something else."""
    found = vector(graph, node) if node.op in ("BiasAdd", "AddV2", "Add") else None
    return found[1] if found is not None else None
