"""Layers with a memory: units that are made of what comes in, and of themselves a step before."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lepton_edge_converters.prune.channels import Ids, Label
from lepton_edge_converters.prune.rules.convolutions import dense
from lepton_edge_converters.prune.rules.elementwise import RULES as ELEMENTWISE
from lepton_edge_converters.prune.rules.elementwise import is_elementwise
from lepton_edge_converters.prune.rules.normalizing import RULES as NORMALIZING
from lepton_edge_converters.prune.visit import Rule, Visit, first_channels, kind_of

_GATES = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}


def recurrent(visit: Visit) -> Sequence[Label | None]:
    """Follow SimpleRNN, GRU and LSTM: their kernels hold the gates of all units side by side.

    A unit whose weights are zero gives zero at every step (a candidate of tanh(0), from a memory of zero), so
    it can go.
    """
    read = visit.ids()
    for place in visit.beside:
        visit.stay(visit.labels[place], f"{visit.call.name} starts from it")
    made = _units(visit, visit.layer, (), read)
    if visit.beside:
        visit.channels.freeze(made, f"{visit.call.name} is given its first state")
    return [Label(len(shape) - 1, made) for shape in visit.outputs]


def bidirectional(visit: Visit) -> Sequence[Label | None]:
    """Follow Bidirectional, both ways: their units one after the other, or place by place."""
    wrapper, read = visit.layer, visit.ids()
    forward, backward = wrapper.forward_layer, wrapper.backward_layer
    if kind_of(forward) not in _GATES or kind_of(backward) not in _GATES or visit.beside or len(visit.outputs) > 1:
        for ids in (read, *(visit.ids(place) for place in visit.beside)):
            visit.channels.freeze(ids, f"{visit.call.name} is of a kind that is not followed")
        return [None] * len(visit.outputs)
    there = _units(visit, forward, ("layer", "config"), read)
    path = ("backward_layer", "config") if "backward_layer" in wrapper.get_config() else ()
    back = _units(visit, backward, path, read)
    if not path:  # one configuration describes both
        visit.channels.tie(there, back)
    if wrapper.merge_mode == "concat":
        return visit.last(np.concatenate([there, back]))
    visit.channels.tie(there, back)
    return visit.last(there)


def each_step(visit: Visit) -> Sequence[Label | None]:
    """Follow TimeDistributed: its layer sees each step by itself."""
    inner = visit.layer.layer
    rule = None if first_channels(inner) else _EACH_STEP.get(kind_of(inner))
    label = visit.labels[0]
    if rule is None or (label and label.axis == 1):
        visit.stay(label, f"{visit.call.name} wraps a layer that is not followed")
        return [None]
    visit.layer, visit.config = inner, ("layer", "config")
    visit.inputs = [(shape[0], *shape[2:]) for shape in visit.inputs]
    visit.outputs = [(shape[0], *shape[2:]) for shape in visit.outputs]
    visit.labels = [one and Label(one.axis - 1, one.ids) for one in visit.labels]
    return [one and Label(one.axis + 1, one.ids) for one in rule(visit)]


def _units(visit: Visit, layer: Any, path: tuple[str, ...], read: Ids) -> Ids:
    """Note what a layer takes and makes, and return its units."""
    cell, gates = layer.cell, _GATES[type(layer).__name__]
    made = visit.channels.fresh(layer.units)
    visit.takes(cell.kernel, 0, read)
    visit.takes(cell.recurrent_kernel, 0, made)
    for kernel in (cell.kernel, cell.recurrent_kernel):
        visit.makes(kernel, 1, np.tile(made, gates))
    visit.makes(cell.bias, -1, np.tile(made, gates))
    if path or type(visit.call.operation) is type(layer):
        visit.counts((*path, "units"), made)
    zero = {"tanh", "relu", "linear", "elu", "selu", "silu", "gelu", "softsign", "leaky_relu"}
    if not is_elementwise(layer.activation) or layer.activation.__name__ not in zero:
        visit.channels.freeze(made, f"{visit.call.name} makes something of nothing: its activation of 0 is not 0")
    return made


_EACH_STEP: Mapping[str, Rule] = {"Dense": dense, **ELEMENTWISE, **NORMALIZING}

RULES: Mapping[str, Rule] = {
    **dict.fromkeys(_GATES, recurrent),
    "Bidirectional": bidirectional,
    "TimeDistributed": each_step,
}
