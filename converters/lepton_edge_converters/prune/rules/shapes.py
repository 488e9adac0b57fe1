"""Layers that put the same numbers into another shape."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from lepton_edge_converters.prune.channels import Ids, Label
from lepton_edge_converters.prune.flat import Shape
from lepton_edge_converters.prune.visit import Rule, Visit


def flatten(visit: Visit) -> Sequence[Label | None]:
    """Follow Flatten: a channel is then at many places."""
    found = placed(visit, visit.outputs[0])
    return [found.label] if found else [None]


def reshape(visit: Visit) -> Sequence[Label | None]:
    """Follow Reshape: the setting that counts the channels shrinks with them."""
    found = placed(visit, visit.outputs[0])
    if found is None:
        return [None]
    for axis, ids in found.counted.items():
        if visit.layer.target_shape[axis - 1] != -1:
            visit.counts(("target_shape", axis - 1), ids)
    return [found.label]


def permute(visit: Visit) -> Sequence[Label | None]:
    """Follow Permute: the channels' axis moves."""
    label = visit.labels[0]
    return [Label(visit.layer.dims.index(label.axis) + 1, label.ids)] if label else [None]


def repeat(visit: Visit) -> Sequence[Label | None]:
    """Follow RepeatVector: samples × channels become samples × times × channels."""
    label = visit.labels[0]
    return visit.last(label.ids) if label else [None]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the channels are after a reshape.

    Attributes:
        label: Of the tensor that goes out.
        counted: Axes that shrink with the channels, and the channels that each counts.
    """

    label: Label
    counted: Mapping[int, Ids]


def placed(visit: Visit, to: Shape) -> Placed | None:
    """Return where a reshape puts the channels; ``None`` where they cannot be followed.

    Numbers keep their order, so the channels' axis goes into one axis, together with neighbours or not, or is cut
    into several. Cut in two, g × c / g, the same place of each part is one channel from then on: parts stay alike.
    """
    label, shape = visit.labels[0], visit.inputs[0]
    if label is None:
        return None
    if None in shape[1:] or None in to[1:]:
        visit.stay(label, f"{visit.call.name} reshapes what has no fixed shape")
        return None
    sizes, sizes_after = ([int(size or 0) for size in one] for one in (shape, to))
    if len(to) < 2 or prod(sizes[1:]) != prod(sizes_after[1:]):
        visit.stay(label, f"{visit.call.name} reshapes the batch too")
        return None
    spread = np.expand_dims(label.ids, tuple(range(1, len(sizes) - label.axis)))
    places = np.broadcast_to(spread, sizes[label.axis :]).reshape(1, -1)
    before = int(np.prod(sizes[1 : label.axis], dtype=np.int64))
    ids = np.broadcast_to(places, (before, places.size)).reshape(sizes_after[1:])
    varying = [axis for axis in range(ids.ndim) if ids.shape[axis] > 1 and (ids.take([0], axis) != ids).any()]
    if not varying:
        return None if ids.size == 0 else Placed(Label(len(to) - 1, ids.reshape(-1, ids.shape[-1])[0]), {})
    # Of several axes the last is followed: what stands at one of its places stands or falls together.
    axis = varying[-1]
    table = np.moveaxis(ids, axis, -1).reshape(-1, ids.shape[axis])
    visit.channels.tie_rows(np.unique(table, axis=0))
    return Placed(Label(axis + 1, table[0]), {axis + 1: table[0]})


RULES: Mapping[str, Rule] = {
    "Flatten": flatten,
    "Reshape": reshape,
    "Permute": permute,
    "RepeatVector": repeat,
}
