"""Batch normalizations, and other scales and shifts of channels, into the layers before or behind them.

TensorFlow's converter folds a normalization that follows a convolution directly. Here one that comes after the
activation, or before the convolution, is folded as well, as far as the answers stay the same.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from lepton_edge_converters.passes.channels import LINEAR, POSITIVE, keeps_channels
from lepton_edge_converters.passes.forms import add_to_bias, factor_of, is_bias, merge_sums, normalize, shift_of
from lepton_edge_converters.passes.graph import Graph, Values
from lepton_edge_converters.passes.layers import Layer, layer
from lepton_edge_converters.passes.naming import listed

Rule = Callable[[Graph, Any], bool]
"""What changes a graph at a node, if it can, and tells whether it did."""

# A number added to all of a channel comes out of these as it was; a border of zeros would not have it.
_SHIFTABLE = (
    *("Identity", "AvgPool", "MaxPool", "Mean", "Reshape", "Squeeze", "ExpandDims"),
    *("ResizeBilinear", "ResizeNearestNeighbor"),
)


def fold(graph: Graph) -> tuple[str, ...]:
    """Fold what can be folded, and return what was done, a sentence each."""
    normalize(graph)
    done: dict[str, list[str]] = {}
    while any(_applied(graph, row, done) for row in _RULES):
        pass
    _applied(graph, _LAST, done)
    return tuple(f"{told}: {listed(names)}" for told, names in done.items() if told and names)


def _applied(graph: Graph, row: tuple[str, Rule], done: dict[str, list[str]]) -> bool:
    """Apply a rule wherever it can be, note where, and tell whether it could anywhere."""
    told, rule = row
    names = [graph.title(node.name) for node in graph if graph.alive(node) and rule(graph, node)]
    done.setdefault(told, []).extend(names)
    return bool(names)


def _scale_before(graph: Graph, node: Any) -> bool:
    """Fold a product into the layer before, and through an activation what of it is positive."""
    factor = factor_of(graph, node)
    if factor is None:
        return False
    sums: list[tuple[Any, Values]] = []
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
            added = shift_of(graph, maker)
            sums += [(maker, added)] if added is not None else []
            crossed |= maker.op in POSITIVE
            reader, tensor = maker, maker.input[0]
    size = np.abs(factor) if crossed else factor
    if target.channels_out != factor.size or (crossed and np.all(size == 1)):
        return False
    graph.set_constant(target.node, target.weights, target.kernel * target.along_output(size))
    for one, added in sums:
        graph.become(one, "AddV2", one.input[0], added * size)
    if crossed and np.any(factor < 0):
        graph.become(node, "Mul", node.input[0], np.where(factor < 0, -1, 1).astype(np.float32))
    else:
        graph.bypass(node)
    return True


def _passes_back(graph: Graph, node: Any) -> bool:
    if shift_of(graph, node) is not None:
        return True
    if node.op not in (*LINEAR, *POSITIVE) or not keeps_channels(graph, node):
        return False
    before, after = graph.shape(node.input[0]), graph.shape(node.name)
    return before is not None and after is not None and before[-1] == after[-1]


def _swap_sign(graph: Graph, node: Any) -> bool:
    """Let a product with signs alone come behind the sum that follows it."""
    factor = factor_of(graph, node)
    if factor is None or not np.all(np.abs(factor) == 1):
        return False
    behind = graph.only_reader(node.name)
    shift = shift_of(graph, behind) if behind is not None else None
    if shift is None:
        return False
    graph.become(node, "AddV2", node.input[0], shift * factor)
    graph.become(behind, "Mul", node.name, factor)
    return True


def _scale_behind(graph: Graph, node: Any) -> bool:
    """Fold a product into all the layers that read it."""
    factor = factor_of(graph, node)
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
    shift = shift_of(graph, node)
    if shift is None:
        return False
    targets = _layers_behind(graph, node.name, _SHIFTABLE)
    if not targets or any(one.pads or one.node.op == "Conv2DBackpropInput" for one in targets):
        return False
    if is_bias(graph, node):
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
    shift, shape = shift_of(graph, node), graph.shape(node.name)
    if shift is None or shape is None or len(shape) != 4 or is_bias(graph, node):
        return False
    before = graph.maker(node.input[0])
    if factor_of(graph, before) is None or graph.only_reader(before.name) is not node:
        before = graph.insert_before(node, "Mul", np.ones_like(shift))
    graph.widen(before)
    return True


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


_RULES: tuple[tuple[str, Rule], ...] = (
    ("", merge_sums),
    ("scales folded into the layer before", _scale_before),
    ("", _swap_sign),
    ("scales folded into the layers behind", _scale_behind),
    ("shifts folded into the layers behind", _shift_behind),
)
_LAST: tuple[str, Rule] = ("scales and shifts made a layer of their own", _as_layer)
