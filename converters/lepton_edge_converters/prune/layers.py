"""What a graph costs at other widths: its layers as the latency table and the solver know them."""

from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import Any

import numpy as np

from lepton_edge_converters.latency import LatencyTable, Operator, Range
from lepton_edge_converters.latency.operator import Kind
from lepton_edge_converters.prune.candidate import Span
from lepton_edge_converters.prune.channels import Ids
from lepton_edge_converters.prune.cost import Cost, Layer, Term, costs_of
from lepton_edge_converters.prune.dependencies import Dependencies
from lepton_edge_converters.prune.flat import Call, Shape
from lepton_edge_converters.prune.rules.convolutions import RULES as CONVOLUTIONS
from lepton_edge_converters.prune.visit import kind_of
from lepton_edge_converters.shrinking import CostName

_CONVOLUTIONS = {*CONVOLUTIONS} - {"Dense", "Embedding"}
_GATES = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}
_JOINTS: Mapping[str, Kind] = {"Add": "add", "Subtract": "add", "Average": "add", "Multiply": "multiply"}
_POOLS: Mapping[str, Kind] = {"AveragePooling": "average_pool", "MaxPooling": "max_pool"}
_ACTIVATIONS: Mapping[str, Kind] = {
    "sigmoid": "sigmoid", "hard_silu": "hard_swish", "hard_swish": "hard_swish", "silu": "sigmoid", "swish": "sigmoid",
}  # fmt: skip


def find_costs(dependencies: Dependencies, table: LatencyTable | None) -> dict[CostName, Cost]:
    """Return what a model costs by the widths of its groups; ``milliseconds`` with a table only.

    Parameters are exact. Multiplications and bytes are those of convolutions, dense and recurrent layers; what batch
    normalizations have is folded into them on the device.
    """
    return {**costs_of(find_layers(dependencies), table), "parameters": _parameters(dependencies)}


def find_layers(dependencies: Dependencies) -> list[Layer]:
    """Return the layers whose time depends on widths, or is not nothing."""
    spans = _Spans(dependencies)
    return [layer for call in dependencies.flat.calls for layer in _layers(call, spans)]


class _Spans:
    """Widths along axes, as sums of the widths of groups."""

    def __init__(self, dependencies: Dependencies) -> None:
        self.notes = dependencies.notes
        self._leaders = dependencies.leaders
        self._groups = {int(leader): group for group in dependencies.prunable for leader in group.leaders}

    def of(self, ids: Ids) -> Span:
        """Return the width along an axis."""
        constant, places, widths = 0, dict[str, int](), dict[str, int]()
        for leader, count in zip(*np.unique(self._leaders[ids], return_counts=True), strict=True):
            group = self._groups.get(int(leader))
            if group is None:
                constant += int(count)
            else:
                places[group.name] = places.get(group.name, 0) + int(count)
                widths[group.name] = group.width
        times = {name: count // widths[name] for name, count in places.items()}
        # What is left of a group whose channels are not at equally many places is rare, and counts as fixed.
        constant += sum(count - times[name] * widths[name] for name, count in places.items())
        return Span(constant, tuple((name, count) for name, count in times.items() if count))

    def inputs(self, call: Call, place: int = 0) -> Span:
        """Return the channels of an input."""
        return self._tensor(call.inputs[place])

    def outputs(self, call: Call) -> Span:
        """Return the channels of what goes out."""
        return self._tensor(call.outputs[0])

    def layer(self, kind: Kind, inputs: Span, outputs: Span, **settings: Any) -> Layer:
        """Return a layer with the operator that it is at full width."""
        full = {group.name: group.width for group in self._groups.values()}
        read, made = max(1, inputs.width(full)), max(1, outputs.width(full))
        return Layer(Operator(kind=kind, channels_in=read, channels_out=made, **settings), inputs, outputs)

    def _tensor(self, tensor: Any) -> Span:
        label = self.notes.labels.get(id(tensor))
        if label is not None and label.axis == len(tensor.shape) - 1:
            return self.of(label.ids)
        return Span(int(tensor.shape[-1] or 1) if tensor.shape else 1)


def _layers(call: Call, spans: _Spans) -> Iterator[Layer]:
    kind, layer = kind_of(call.operation), call.operation
    if not call.inputs or not call.outputs:
        return
    height, width = _size(call.inputs[0].shape)
    window = {"height": height, "width": width, **_window(layer)}
    inputs, outputs = spans.inputs(call), spans.outputs(call)
    if kind in _CONVOLUTIONS:
        yield from _convolution(spans, kind, layer, (inputs, outputs), window)
    elif kind == "Dense":
        yield spans.layer("dense", inputs, outputs, height=height, width=width)
    elif kind in _GATES:
        steps = int(call.inputs[0].shape[1] or 1)
        units = Span(_GATES[kind] * outputs.constant, tuple((n, _GATES[kind] * t) for n, t in outputs.groups))
        yield spans.layer("dense", inputs, units, height=1, width=steps)
        yield spans.layer("dense", outputs, units, height=1, width=steps)
    elif kind in _JOINTS and len(call.inputs) > 1:
        yield from _joint(spans, call, _JOINTS[kind], outputs)
    elif kind.startswith(tuple(_POOLS)):
        pool = _POOLS[kind[:-2]]
        yield spans.layer(pool, outputs, outputs, **window)
    elif kind.startswith("Global"):
        yield spans.layer("global_average_pool", outputs, outputs, height=height, width=width)
    shape = call.outputs[0].shape
    name = getattr(getattr(layer, "activation", None), "__name__", kind.lower())
    if name in _ACTIVATIONS:
        size = dict(zip(("height", "width"), _size(shape), strict=True))
        yield spans.layer(_ACTIVATIONS[name], outputs, outputs, **size)


def _convolution(
    spans: _Spans, kind: str, layer: Any, ends: tuple[Span, Span], window: Mapping[str, Any]
) -> Iterator[Layer]:
    inputs, outputs = ends
    own_groups = getattr(layer, "groups", 1) > 1 and layer.kernel.shape[-2] == 1
    if kind.endswith("Transpose"):
        yield spans.layer("conv2d_transpose", inputs, outputs, **window)
    elif kind.startswith("Depthwise") or own_groups:
        yield spans.layer("depthwise_conv2d", inputs, outputs, **window)
    elif kind.startswith("Separable"):
        times = layer.depth_multiplier
        deep = Span(times * inputs.constant, tuple((name, times * count) for name, count in inputs.groups))
        depthwise = spans.layer("depthwise_conv2d", inputs, deep, **window)
        yield depthwise
        height, width = depthwise.operator.size_out
        yield spans.layer("conv2d", deep, outputs, height=height, width=width)
    else:
        yield spans.layer("conv2d", inputs, outputs, groups=layer.groups, **window)


def _joint(spans: _Spans, call: Call, kind: Kind, outputs: Span) -> Iterator[Layer]:
    height, width = _size(call.outputs[0].shape)
    sizes = [_size(tensor.shape) for tensor in call.inputs]
    if kind == "multiply" and (height, width) != (1, 1) and (1, 1) in sizes:
        kind = "scale"  # a gate: one number a channel
    for _ in call.inputs[1:]:
        yield spans.layer(kind, outputs, outputs, height=height, width=width)


def find_ranges(layers: Iterable[Layer], least: Mapping[str, int]) -> list[Range]:
    """Return the operators of layers and the least widths that they can get, as a latency table is measured."""
    return [Range(one.operator, max(1, one.inputs.width(least)), max(1, one.outputs.width(least))) for one in layers]


def _parameters(dependencies: Dependencies) -> Cost:
    """Return how many weights there are: along each axis as many as the channels that are left."""
    spans = _Spans(dependencies)
    axes: dict[tuple[str, int], list[tuple[int, Span]]] = {}
    for slot in dependencies.notes.slots.values():
        span = spans.of(slot.ids)
        if span.groups:
            axes.setdefault((slot.layer, slot.weight), []).append((slot.axis, span))
    terms, constant = [], 0.0
    for name, operation in {call.name: call.operation for call in dependencies.flat.calls}.items():
        for place, weight in enumerate(getattr(operation, "weights", ())):
            along = axes.get((name, place), [])
            if along:
                others = prod(size for axis, size in enumerate(weight.shape) if axis not in dict(along))
                first, second = (along[0][1], along[1][1] if len(along) > 1 else Span(1))
                terms.append(Term(first, second, lambda one, other, times=others: float(times * one * other)))  # type: ignore[misc]  # mypy sees no lambda's default
            else:
                constant += prod(weight.shape)
    return Cost(tuple(terms), constant)


def _size(shape: Shape) -> tuple[int, int]:
    """Return height and width of a tensor: a sequence is 1 × its length, a volume its first two axes in one."""
    sizes = [int(size or 1) for size in shape[1:-1]]
    return (prod(sizes[:-1]), sizes[-1]) if sizes else (1, 1)


def _window(layer: Any) -> dict[str, Any]:
    """Return kernel, strides and padding of a convolution or a pooling, of one, two or three axes."""
    kernel = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None) or (1,)
    strides, dilation = (getattr(layer, name, None) or (1,) for name in ("strides", "dilation_rate"))
    padding = getattr(layer, "padding", "valid")
    return {
        "kernel": _pair(kernel),
        "strides": _pair(strides),
        "dilation": _pair(dilation),
        "padding": "valid" if padding == "valid" else "same",
    }


def _pair(sizes: Any) -> tuple[int, int]:
    numbers = [int(one) for one in (sizes if isinstance(sizes, list | tuple) else (sizes,))]
    return prod(numbers[:-1]), numbers[-1]
