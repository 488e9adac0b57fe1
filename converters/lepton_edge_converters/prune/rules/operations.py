"""Operations of ``keras.ops``, which ``x + y`` and ``x[..., :8]`` are too."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lepton_edge_converters.prune.channels import Label
from lepton_edge_converters.prune.flat import Tensor
from lepton_edge_converters.prune.rules.elementwise import at_once, unchanged
from lepton_edge_converters.prune.rules.joining import end_to_end, together
from lepton_edge_converters.prune.rules.shapes import placed
from lepton_edge_converters.prune.visit import Kept, Rule, Visit


def binary(visit: Visit) -> Sequence[Label | None]:
    """Follow ``x + y``: of tensors as a joint, of a tensor with a number as nothing."""
    given = (*visit.call.args, *visit.call.kwargs.values())
    if any(np.ndim(one) for one in given if not isinstance(one, Tensor)):
        for label in visit.labels:
            visit.stay(label, f"{visit.call.name} has numbers of its own for each channel")
        return [None]
    return unchanged(visit) if len(visit.inputs) == 1 else together(visit)


def reduction(visit: Visit) -> Sequence[Label | None]:
    """Follow a mean or the like along other axes than the channels'."""
    label, rank = visit.labels[0], len(visit.inputs[0])
    axis = visit.layer.axis
    axes = set(range(rank)) if axis is None else {one % rank for one in np.atleast_1d(axis).tolist()}
    if label is None or label.axis in axes:
        visit.stay(label, f"{visit.call.name} looks at all channels at once")
        return [None]
    gone = 0 if visit.layer.keepdims else sum(one < label.axis for one in axes)
    return [Label(label.axis - gone, label.ids)]


def softmax(visit: Visit) -> Sequence[Label | None]:
    """Follow a softmax along another axis than the channels'."""
    label = visit.labels[0]
    axis = -1 if visit.layer.axis is None else visit.layer.axis
    return unchanged(visit) if label is None or label.axis != axis % len(visit.inputs[0]) else at_once(visit)


def reshape(visit: Visit) -> Sequence[Label | None]:
    """Follow a reshape to a fixed shape; the batch axis stays first."""
    found = placed(visit, visit.outputs[0])
    if found is None:
        return [None]
    for axis, ids in found.counted.items():
        if visit.layer.newshape[axis] != -1:
            visit.counts(("newshape", axis), ids)
    return [found.label]


def transpose(visit: Visit) -> Sequence[Label | None]:
    """Follow a transpose that leaves the batch axis first."""
    label, rank = visit.labels[0], len(visit.inputs[0])
    axes = [one % rank for one in visit.layer.axes or ()]
    if label is None or not axes or axes[0] != 0:
        visit.stay(label, f"{visit.call.name} moves the batch axis")
        return [None]
    return [Label(axes.index(label.axis), label.ids)]


def expanded(visit: Visit) -> Sequence[Label | None]:
    """Follow axes of one that are put in between."""
    label, rank = visit.labels[0], len(visit.outputs[0])
    axes = sorted(one % rank for one in np.atleast_1d(visit.layer.axis).tolist())
    if label is None:
        return [None]
    axis = label.axis
    for one in axes:
        axis += one <= axis
    return [Label(axis, label.ids)]


def squeezed(visit: Visit) -> Sequence[Label | None]:
    """Follow axes of one that are taken out."""
    label, rank = visit.labels[0], len(visit.inputs[0])
    if label is None or visit.layer.axis is None:
        visit.stay(label, f"{visit.call.name} takes out axes that it does not name")
        return [None]
    axes = {one % rank for one in np.atleast_1d(visit.layer.axis).tolist()}
    if label.axis in axes:
        visit.stay(label, f"{visit.call.name} takes out the axis of the channels")
        return [None]
    return [Label(label.axis - sum(one < label.axis for one in axes), label.ids)]


def split(visit: Visit) -> Sequence[Label | None]:
    """Follow a split: each part has its own channels, and begins where those before it end."""
    label, axis = visit.labels[0], visit.layer.axis % len(visit.inputs[0])
    if label is None or label.axis != axis:
        return [label] * len(visit.outputs)
    parts = [int(shape[axis] or 0) for shape in visit.outputs]
    begins = np.cumsum(parts)[:-1]
    ids = label.ids

    def rewritten(kept: Kept) -> dict[str, Any]:
        return {"indices_or_sections": [int(kept(ids[:begin]).sum()) for begin in begins]}

    visit.notes.rewrites[visit.call.name] = rewritten
    visit.again(ids)  # one setting describes all calls
    return [Label(axis, visit.part(part)) for part in np.split(ids, begins)]


def item(visit: Visit) -> Sequence[Label | None]:
    """Follow ``x[...]`` with slices in steps of one; a slice of channels shrinks with them."""
    label, shape, key = visit.labels[0], visit.inputs[0], visit.call.args[1]
    if label is None:
        return [None]
    keys = list(key) if isinstance(key, tuple) else [key]
    if not all(one is Ellipsis or isinstance(one, int | slice) for one in keys):
        visit.stay(label, f"{visit.call.name} picks places one by one")
        return [None]
    whole = [slice(None)] * (len(shape) - len(keys) + (Ellipsis in keys))
    at = keys.index(Ellipsis) if Ellipsis in keys else len(keys)
    keys = keys[:at] + whole + keys[at + 1 :]
    picked, axis, ids = keys[label.axis], label.axis, label.ids
    if not isinstance(picked, slice) or picked.step not in (None, 1) or isinstance(keys[0], int):
        visit.stay(label, f"{visit.call.name} picks channels one by one")
        return [None]
    begin, end, _ = picked.indices(len(ids))

    def rewritten(kept: Kept) -> tuple[Any, ...]:
        first = int(kept(ids[:begin]).sum())
        part = slice(first, first + int(kept(ids[begin:end]).sum()))
        return (visit.call.args[0], (*keys[:axis], part, *keys[axis + 1 :]))

    visit.notes.arguments[id(visit.call)] = rewritten
    part = ids[begin:end] if end - begin == len(ids) else visit.part(ids[begin:end])
    return [Label(axis - sum(isinstance(one, int) for one in keys[:axis]), part)]


def compared(visit: Visit) -> Sequence[Label | None]:
    """Freeze what is compared: a truth is no channel. Masks of words are made so."""
    for label in visit.labels:
        visit.stay(label, f"{visit.call.name} compares it")
    return [None] * len(visit.outputs)


_UNARY = (
    "Relu", "Relu6", "Sigmoid", "Softplus", "Softsign", "Silu", "LogSigmoid", "LeakyRelu", "HardSigmoid", "HardSilu",
    "Elu", "Selu", "Gelu", "Celu", "HardTanh", "TanhShrink", "SoftShrink", "HardShrink", "Threshold", "Squareplus",
    "Tanh", "Exp", "Log", "Log1p", "Expm1", "Sqrt", "Rsqrt", "Square", "Abs", "Absolute", "Negative", "Sin", "Cos",
    "Clip", "Cast", "Identity", "StopGradient", "Round", "Floor", "Ceil", "Sign", "Reciprocal", "Erf",
)  # fmt: skip
_BINARY = (
    "Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Maximum", "Minimum", "Power",
)  # fmt: skip

RULES: Mapping[str, Rule] = {
    **dict.fromkeys(_UNARY, unchanged),
    **dict.fromkeys(_BINARY, binary),
    **dict.fromkeys(
        ("Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual", "LogicalAnd", "LogicalOr", "Any", "All"),
        compared,
    ),
    **dict.fromkeys(("Mean", "Max", "Min", "Sum", "Amax", "Amin", "Var", "Std"), reduction),
    **dict.fromkeys(("Softmax", "LogSoftmax"), softmax),
    "Concatenate": end_to_end,
    "Reshape": reshape,
    "Transpose": transpose,
    "ExpandDims": expanded,
    "Squeeze": squeezed,
    "Split": split,
    "GetItem": item,
}
