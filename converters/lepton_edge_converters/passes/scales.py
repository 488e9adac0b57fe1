"""Which channels of which tensors must share a scale, found by following each through the graph."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.passes.channels import LINEAR, POSITIVE, SUMS, keeps_channels, vector
from lepton_edge_converters.passes.graph import Graph, Values
from lepton_edge_converters.passes.layers import Layer, layer
from lepton_edge_converters.passes.sets import Ids, Sets


@dataclass(slots=True)
class Scales:
    """A number for each channel that can have a scale of its own, and where it applies.

    Attributes:
        sets: Which numbers must have the same scale.
        tensors: The numbers of each tensor's channels.
        layers: Each layer, with the numbers of the channels that it reads and of those that it makes.
        sums: Each node that adds a constant, with the constant's place, its values and the numbers of the channels.
    """

    sets: Sets = field(default_factory=Sets)
    tensors: dict[str, Ids] = field(default_factory=dict)
    layers: list[tuple[Layer, Ids, Ids]] = field(default_factory=list)
    sums: list[tuple[Any, int, Values, Ids]] = field(default_factory=list)
    _fixed: list[Ids] = field(default_factory=list)

    def fix(self, ids: Ids) -> None:
        """Let channels keep the scale that they have."""
        self._fixed.append(ids)

    def fixed(self, ids: Ids) -> NDArray[np.bool_]:
        """Tell of each channel whether it must keep its scale."""
        kept = self.sets.roots(np.concatenate(self._fixed)) if self._fixed else np.zeros(0, np.int64)
        return np.isin(self.sets.roots(ids), kept)


def find_scales(graph: Graph) -> Scales:
    """Return which channels may be scaled, and together with which others."""
    scales = Scales()
    for node in graph:
        made = _follow(graph, scales, node)
        if made is not None:
            scales.tensors[node.name] = made
    for tensor in graph.outputs:
        _fix(scales, tensor)
    return scales


def _follow(graph: Graph, scales: Scales, node: Any) -> Ids | None:
    """Return the numbers of the channels that a node makes, after those that it reads are known."""
    target = layer(graph, node)
    if target is not None and target.tensor in scales.tensors:
        made = scales.sets.fresh(target.channels_out)
        scales.layers.append((target, scales.tensors[target.tensor], made))
        return made
    for kinds, rule in _RULES:
        known = rule(graph, scales, node) if node.op in kinds else None
        if known is not None:
            return known
    for tensor in node.input:
        _fix(scales, tensor)
    shape = graph.shape(node.name)
    if not shape or graph.constant(node.name) is not None:
        return None
    made = scales.sets.fresh(shape[-1])
    scales.fix(made)
    return made


def _pass_on(graph: Graph, scales: Scales, node: Any) -> Ids | None:
    """Give the channels of the first input, in order, once or repeated."""
    ids, shape = scales.tensors.get(node.input[0]), graph.shape(node.name)
    if ids is None or shape is None or not keeps_channels(graph, node):
        return None
    return np.tile(ids, shape[-1] // len(ids))


def _add(graph: Graph, scales: Scales, node: Any) -> Ids | None:
    """Let what is added have the scale of what it is added to."""
    found = vector(graph, node)
    if found is not None:
        place, constant = found
        ids = scales.tensors.get(node.input[place])
        if ids is not None:
            scales.sums.append((node, 1 - place, constant, ids))
        return ids
    both = [scales.tensors.get(tensor) for tensor in node.input]
    if len(both) != 2 or both[0] is None or both[1] is None or len(both[0]) != len(both[1]):
        return None
    scales.sets.join(both[0], both[1])
    return both[0]


def _multiply(graph: Graph, scales: Scales, node: Any) -> Ids | None:
    """Give the channels of one factor, where the other's have the scale that they have."""
    shape = graph.shape(node.name)
    for place in (0, 1):
        ids, other = scales.tensors.get(node.input[place]), node.input[1 - place]
        if ids is None or shape is None or len(ids) != shape[-1]:
            continue
        if node.op == "RealDiv" and place == 1:
            continue
        gate = scales.tensors.get(other)
        if graph.constant(other) is not None or (gate is not None and scales.fixed(gate).all()):
            return ids
    return None


def _concatenate(graph: Graph, scales: Scales, node: Any) -> Ids | None:
    """Put channels one behind the other, or let them share their scales where something else is joined."""
    parts = [scales.tensors.get(tensor) for tensor in node.input[:-1]]
    axis, shape = graph.constant(node.input[-1]), graph.shape(node.name)
    if axis is None or shape is None or any(part is None for part in parts):
        return None
    known = [part for part in parts if part is not None]
    if int(axis) % len(shape) == len(shape) - 1:
        return np.concatenate(known)
    for part in known[1:]:
        scales.sets.join(known[0], part)
    return known[0]


def _fix(scales: Scales, tensor: str) -> None:
    if tensor in scales.tensors:
        scales.fix(scales.tensors[tensor])


_RULES: tuple[tuple[tuple[str, ...], Callable[[Graph, Scales, Any], Ids | None]], ...] = (
    ((*LINEAR, *POSITIVE), _pass_on),
    (SUMS, _add),
    (("Mul", "RealDiv"), _multiply),
    (("ConcatV2",), _concatenate),
)
