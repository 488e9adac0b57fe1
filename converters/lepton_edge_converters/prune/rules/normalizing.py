"""Layers that bring channels to a mean and a variance."""

from collections.abc import Mapping, Sequence
from typing import Any

from lepton_edge_converters.prune.channels import Label
from lepton_edge_converters.prune.rules.elementwise import unchanged
from lepton_edge_converters.prune.visit import Rule, Visit


def batch(visit: Visit) -> Sequence[Label | None]:
    """Follow BatchNormalization: four numbers a channel."""
    layer, label = visit.layer, visit.labels[0]
    if label is not None and layer.axis % len(visit.inputs[0]) == label.axis:
        for variable in (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance):
            visit.follows(variable, 0, label.ids)
    return unchanged(visit)


def over_channels(visit: Visit) -> Sequence[Label | None]:
    """Follow LayerNormalization and RMSNormalization, whose statistics are those of the channels that are left."""
    layer, label = visit.layer, visit.labels[0]
    rank = len(visit.inputs[0])
    axes = [one % rank for one in (layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis])]
    if label is not None and label.axis in axes:
        visit.notes.renormalized.add(visit.call.name)
        for name in ("gamma", "beta", "scale"):
            variable: Any = getattr(layer, name, None)
            if len(getattr(variable, "shape", ())):  # in LayerNormalization, scale is whether there is a gamma
                visit.follows(variable, axes.index(label.axis), label.ids)
    return unchanged(visit)


def in_groups(visit: Visit) -> Sequence[Label | None]:
    """Follow GroupNormalization: a group goes whole, so that the others keep their mean and variance."""
    layer, label = visit.layer, visit.labels[0]
    if label is not None and layer.axis % len(visit.inputs[0]) == label.axis:
        groups = len(label.ids) if layer.groups == -1 else layer.groups
        table = label.ids.reshape(groups, -1)
        visit.channels.tie_rows(table.T)
        if layer.groups != -1:
            visit.counts("groups", table[:, 0])
        for variable in (layer.gamma, layer.beta):
            visit.follows(variable, 0, label.ids)
        return unchanged(visit)
    visit.stay(label, f"{visit.call.name} mixes all places of a channel's axis")
    return unchanged(visit)


RULES: Mapping[str, Rule] = {
    "BatchNormalization": batch,
    "LayerNormalization": over_channels,
    "RMSNormalization": over_channels,
    "GroupNormalization": in_groups,
}
