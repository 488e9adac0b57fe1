"""One call of a layer, as a rule sees it: what comes in, and where channels meet weights and settings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from lepton_edge_converters.errors import PruneError
from lepton_edge_converters.prune.channels import Channels, Ids, Label
from lepton_edge_converters.prune.flat import Call, Shape, filled

Role = Literal["makes", "follows", "takes"]
"""Whether an axis of weights is why a channel is there, goes along with it, or reads it."""

Kept = Callable[[Ids], "np.ndarray[Any, np.dtype[np.bool_]]"]
"""Tells which of some channels are kept."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One axis of one weight, and the channel at each of its places.

    Attributes:
        layer: Name of the layer.
        weight: Which of the layer's weights.
        axis: Counted from 0.
        role: What the axis has to do with the channels.
        ids: As many as the axis is long.
    """

    layer: str
    weight: int
    axis: int
    role: Role
    ids: Ids


@dataclass(frozen=True, slots=True)
class Size:
    """A number in a layer's configuration that counts channels: ``filters``, ``units``."""

    layer: str
    path: tuple[str | int, ...]
    ids: Ids


@dataclass(slots=True)
class Notes:
    """What the rules find out about a graph.

    Attributes:
        channels: All of them.
        labels: Which channels the tensors carry; those without are not followed.
        slots, sizes: Where channels meet weights and settings, by place.
        rewrites: Settings of an operation that follow from the channels kept, by its name.
        arguments: Arguments of a call that do, by the call.
        unknown: Layers that no rule knows: what each is.
        renormalized: Layers whose mean and variance are those of the channels that are left.
        parts: Channels that a split or a slice takes out of a tensor: of each part some stay.
        seen: Channels that came into an operation first, by its name.
    """

    channels: Channels = field(default_factory=Channels)
    labels: dict[int, Label] = field(default_factory=dict)
    slots: dict[tuple[str, int, int], Slot] = field(default_factory=dict)
    sizes: dict[tuple[str, tuple[str | int, ...]], Size] = field(default_factory=dict)
    rewrites: dict[str, Callable[[Kept], dict[str, Any]]] = field(default_factory=dict)
    arguments: dict[int, Callable[[Kept], tuple[Any, ...]]] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    renormalized: set[str] = field(default_factory=set)
    parts: list[Ids] = field(default_factory=list)
    seen: dict[str, Ids] = field(default_factory=dict)


class Visit:
    """A call, and the notes to be made of it.

    Attributes:
        layer: The layer or operation, as a rule reads its settings: inside a wrapper, the inner one.
        config: Where its settings are in the configuration of the layer that is called.
        inputs: Shapes of the tensors that come in.
        labels: Of those tensors.
        outputs: Shapes of the tensors that go out.
    """

    def __init__(self, call: Call, notes: Notes) -> None:
        self.call = call
        self.notes = notes
        self.layer = call.operation
        self.config: tuple[str | int, ...] = ()
        self.inputs: list[Shape] = [one.shape for one in call.inputs]
        self.labels: list[Label | None] = [notes.labels.get(id(one)) for one in call.inputs]
        self.outputs: list[Shape] = [one.shape for one in call.outputs]

    @property
    def channels(self) -> Channels:
        """Return all channels of the graph."""
        return self.notes.channels

    def ids(self, place: int = 0, axis: int = -1) -> Ids:
        """Return the channels along an axis of an input; ones that stay, where they are not followed."""
        shape, label = self.inputs[place], self.labels[place]
        axis %= len(shape)
        if label is not None and label.axis == axis:
            return label.ids
        if label is not None:
            self.stay(label, f"{self.call.name} reads another axis")
        fixed = self.channels.fresh(shape[axis] or 1)
        self.channels.freeze(fixed, f"{self.call.name} takes what is not followed")
        return fixed

    @property
    def beside(self) -> list[int]:
        """Return the places of further inputs than the first, masks left out: states that a layer starts from."""
        masks = filled(self.call.kwargs.get("mask"), id)
        masked = set(masks) if isinstance(masks, list | tuple) else {masks}
        return [place for place, one in enumerate(self.call.inputs) if place and id(one) not in masked]

    def last(self, ids: Ids, output: int = 0) -> list[Label | None]:
        """Return labels of one output whose channels are along its last axis."""
        return [Label(len(self.outputs[output]) - 1, ids)]

    def takes(self, variable: Any, axis: int, ids: Ids) -> None:
        """Note that the places of a weight's axis read channels."""
        self._slot(variable, axis, "takes", ids)

    def makes(self, variable: Any, axis: int, ids: Ids) -> None:
        """Note that the places of a weight's axis make channels."""
        self._slot(variable, axis, "makes", ids)

    def follows(self, variable: Any, axis: int, ids: Ids) -> None:
        """Note that the places of a weight's axis belong to channels made elsewhere."""
        self._slot(variable, axis, "follows", ids)

    def counts(self, setting: str | tuple[str | int, ...], ids: Ids) -> None:
        """Note that a setting is the number of these channels."""
        path = (*self.config, *((setting,) if isinstance(setting, str) else setting))
        key = self.call.name, path
        known = self.notes.sizes.setdefault(key, Size(self.call.name, path, ids))
        if known.ids is not ids:
            self.channels.tie(known.ids, ids)

    def again(self, ids: Ids) -> None:
        """Tie these channels to those of earlier calls of the layer, which has one setting for all."""
        known = self.notes.seen.setdefault(self.call.name, ids)
        if known is not ids:
            self.channels.tie(known, ids)

    def part(self, ids: Ids) -> Ids:
        """Note that channels are taken out of a tensor as a part, of which some must stay, and return them."""
        self.notes.parts.append(ids)
        return ids

    def stay(self, label: Label | None, why: str) -> None:
        """Note that the channels of a tensor cannot be removed."""
        if label is not None:
            self.channels.freeze(label.ids, why)

    def _slot(self, variable: Any, axis: int, role: Role, ids: Ids) -> None:
        if variable is None:
            return
        place = next(i for i, one in enumerate(self.call.operation.weights) if one is variable)
        axis %= len(variable.shape)
        if len(ids) != variable.shape[axis]:
            raise PruneError(
                f"{self.call.name} has {variable.shape[axis]} places along axis {axis} of {variable.path}, where its "
                f"channels would be {len(ids)}; build it with layers of Keras's own"
            )
        known = self.notes.slots.setdefault(
            (self.call.name, place, axis), Slot(self.call.name, place, axis, role, np.asarray(ids))
        )
        if known.ids is not ids:  # a layer that is called again
            self.channels.tie(known.ids, ids)


def first_channels(layer: Any) -> bool:
    """Return whether a layer has the channels along the first axis behind the batch."""
    return getattr(layer, "data_format", None) == "channels_first"


def kind_of(operation: Any) -> str:
    """Return the name of a layer's or an operation's class, nothing where the class is not one of Keras's own."""
    kind = type(operation)
    return kind.__name__ if kind.__module__.startswith("keras.") else ""


Rule = Callable[[Visit], Sequence[Label | None]]
"""Makes notes of a call, and returns the labels of what goes out."""
