"""Which channels of a model hang together: one walk over its graph, a rule a layer.

The idea of groups of structures that must be removed together, found over the graph, is that of DepGraph (Fang et
al., "DepGraph: Towards Any Structural Pruning", CVPR 2023); here single channels are tied, so that what
concatenation puts side by side stays apart.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.prune.channels import Ids, Label
from lepton_edge_converters.prune.flat import Call, Flat
from lepton_edge_converters.prune.rules import find_rule
from lepton_edge_converters.prune.visit import Notes, Visit, first_channels


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Channels that are alike: each is made, followed and read by the same layers.

    Attributes:
        name: Of the layer that makes them; the first of several, and how many more.
        leaders: One number a channel; what is tied to it goes with it.
        makers, followers, takers: Names of layers, in the order of the graph.
        frozen: Why all of them stay; empty where they may go.
    """

    name: str
    leaders: Ids
    makers: tuple[str, ...]
    followers: tuple[str, ...]
    takers: tuple[str, ...]
    frozen: str = ""

    @property
    def width(self) -> int:
        """Return how many channels there are."""
        return len(self.leaders)


@dataclass(frozen=True, slots=True, eq=False)
class Dependencies:
    """What may be removed from a model, and what else then goes.

    Attributes:
        flat: The graph.
        notes: Where channels meet weights, settings and tensors.
        leaders: Of each channel.
        groups: In the order of the graph; frozen ones too.
    """

    flat: Flat
    notes: Notes
    leaders: Ids
    groups: tuple[Group, ...]

    @property
    def prunable(self) -> tuple[Group, ...]:
        """Return the groups that may lose channels."""
        return tuple(group for group in self.groups if not group.frozen and group.width > 1)

    def widths(self) -> dict[str, int]:
        """Return how many channels there are in each group that may lose some."""
        return {group.name: group.width for group in self.prunable}

    @property
    def unknown(self) -> Mapping[str, str]:
        """Return the layers that no rule knows, and what each is; they keep all that they touch."""
        return dict(self.notes.unknown)

    def kept(self, removed: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which of all channels are kept when these leaders go, by number."""
        return ~np.isin(self.leaders, removed)


_ODD: Mapping[str, Callable[[Any], bool]] = {
    "channels first": first_channels,
    "with LoRA": lambda layer: bool(getattr(layer, "lora_enabled", False)),
    "quantized": lambda layer: getattr(layer, "quantization_mode", None) is not None,
}
"""What keeps a rule from following a layer of its kind: axes, or weights, are not where it knows them to be."""


def find_dependencies(flat: Flat) -> Dependencies:
    """Return which channels of a graph hang together."""
    notes = Notes()
    for tensor in flat.inputs:
        if len(tensor.shape) > 1 and tensor.shape[-1]:
            ids = notes.channels.fresh(tensor.shape[-1])
            notes.channels.freeze(ids, "the model's input")
            notes.labels[id(tensor)] = Label(len(tensor.shape) - 1, ids)
    for call in flat.calls:
        labels = _visited(call, notes)
        for tensor, label in zip(call.outputs, labels, strict=True):
            if label is not None:
                notes.labels[id(tensor)] = label
    for tensor in flat.outputs:
        if id(tensor) in notes.labels:
            notes.channels.freeze(notes.labels[id(tensor)].ids, "the model's output")
    leaders = notes.channels.roots()
    return Dependencies(flat, notes, leaders, _grouped(flat, notes, leaders))


def _visited(call: Call, notes: Notes) -> Sequence[Label | None]:
    visit, layer = Visit(call, notes), call.operation
    rule = find_rule(layer)
    odd = [said for said, is_so in _ODD.items() if is_so(layer)]
    if rule is not None and not odd:
        return rule(visit)
    notes.unknown[call.name] = ", ".join([type(layer).__name__, *odd])
    for label in visit.labels:
        visit.stay(label, f"{call.name} ({notes.unknown[call.name]}) is not known")
    return [None] * len(call.outputs)


def _grouped(flat: Flat, notes: Notes, leaders: Ids) -> tuple[Group, ...]:
    """Return the channels with the same places in the same weights, and in the same parts, as a group each."""
    order = {call.name: place for place, call in reversed(list(enumerate(flat.calls)))}
    slots = sorted(notes.slots.values(), key=lambda slot: (order[slot.layer], slot.weight, slot.axis))
    touched: dict[int, list[tuple[int, int]]] = {}
    for place, slot in enumerate(slots):
        for leader, count in zip(*np.unique(leaders[slot.ids], return_counts=True), strict=True):
            touched.setdefault(int(leader), []).append((place, int(count)))
    for place, ids in enumerate(notes.parts, len(slots)):
        for leader in np.unique(leaders[ids]).tolist():
            if leader in touched:
                touched[leader].append((place, 1))
    frozen = notes.channels.frozen()
    alike: dict[tuple[tuple[tuple[int, int], ...], str], list[int]] = {}
    for leader in sorted(touched):
        alike.setdefault((tuple(touched[leader]), frozen.get(leader, "")), []).append(leader)
    groups: list[Group] = []
    for (places, why), members in alike.items():
        met = [slots[place] for place, _ in places if place < len(slots)]
        layers = {
            role: tuple(dict.fromkeys(slot.layer for slot in met if slot.role == role))
            for role in ("makes", "follows", "takes")
        }
        if layers["makes"]:  # channels of the model's inputs are made by no layer
            name = _name(layers["makes"], {group.name for group in groups})
            leaders_of = np.array(members, np.int64)
            groups.append(Group(name, leaders_of, layers["makes"], layers["follows"], layers["takes"], why))
    return tuple(sorted(groups, key=lambda group: order[group.makers[0]]))


def _name(makers: tuple[str, ...], taken: set[str]) -> str:
    """Return the first maker's name, with how many more there are, and which of several groups it is."""
    name = makers[0] if len(makers) == 1 else f"{makers[0]} +{len(makers) - 1}"
    return next(one for n in range(1, len(taken) + 2) if (one := name if n == 1 else f"{name} ({n})") not in taken)
