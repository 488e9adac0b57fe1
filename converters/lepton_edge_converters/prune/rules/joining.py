"""Where several tensors become one."""

from collections.abc import Mapping, Sequence

import numpy as np

from lepton_edge_converters.prune.channels import Label
from lepton_edge_converters.prune.visit import Rule, Visit


def together(visit: Visit) -> Sequence[Label | None]:
    """Follow sums and products: what meets at a place stands or falls together.

    A tensor with one channel, or with fewer axes, is spread over the others: its last axis meets their last axis.
    """
    ranks = [len(shape) for shape in visit.inputs]
    rank = len(visit.outputs[0])
    label = next((one for one in visit.labels if one and len(one.ids) > 1), None)
    if label is None:
        return [None]
    # Counted from the last: a label of a tensor with fewer axes is at its place in the others too.
    behind = label.axis - ranks[visit.labels.index(label)]
    if any(one and len(one.ids) > 1 and one.axis - ranks[i] != behind for i, one in enumerate(visit.labels)):
        for one in visit.labels:
            visit.stay(one, f"{visit.call.name} joins tensors along different axes")
        return [None]
    for place, shape in enumerate(visit.inputs):
        if len(shape) >= -behind and len(shape) + behind > 0 and shape[behind] == len(label.ids):
            visit.channels.tie(label.ids, visit.ids(place, behind))
    return [Label(rank + behind, label.ids)]


def end_to_end(visit: Visit) -> Sequence[Label | None]:
    """Follow Concatenate: along the channels' axis one after the other, along another axis place by place."""
    axis = visit.layer.axis % len(visit.inputs[0])
    labelled = [one for one in visit.labels if one is not None]
    if labelled and all(one.axis != axis for one in labelled):
        return together(visit)
    return [Label(axis, np.concatenate([visit.ids(place, axis) for place in range(len(visit.inputs))]))]


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"), together),
    "Concatenate": end_to_end,
}
