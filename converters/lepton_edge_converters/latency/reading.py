"""The operators of a TFLite file, as the table knows them."""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from lepton_edge_converters.exporters.flatbuffer import unpack
from lepton_edge_converters.latency.operator import Kind, Operator

_BUILTIN = schema.BuiltinOperator
_KINDS: dict[int, Kind] = {
    _BUILTIN.CONV_2D: "conv2d",
    _BUILTIN.DEPTHWISE_CONV_2D: "depthwise_conv2d",
    _BUILTIN.TRANSPOSE_CONV: "conv2d_transpose",
    _BUILTIN.FULLY_CONNECTED: "dense",
    _BUILTIN.ADD: "add",
    _BUILTIN.MUL: "multiply",
    _BUILTIN.AVERAGE_POOL_2D: "average_pool",
    _BUILTIN.MAX_POOL_2D: "max_pool",
    _BUILTIN.MEAN: "global_average_pool",
    _BUILTIN.HARD_SWISH: "hard_swish",
    _BUILTIN.LOGISTIC: "sigmoid",
}


def operators_of(content: bytes) -> tuple[list[Operator], list[str]]:
    """Return the operators of a TFLite file in their order, and the names of those that have no kind here."""
    model = unpack(content)
    graph = model.subgraphs[0]
    names = {value: name for name, value in vars(_BUILTIN).items() if isinstance(value, int)}
    known, unknown = [], []
    for operator in graph.operators:
        code = int(model.operatorCodes[operator.opcodeIndex].builtinCode)
        if code in _KINDS:
            known.append(_described(_KINDS[code], operator, graph.tensors))
        else:
            unknown.append(names.get(code, f"operator {code}"))
    return known, unknown


def _described(kind: Kind, operator: Any, tensors: Any) -> Operator:
    read = _sizes(tensors[operator.inputs[2 if kind == "conv2d_transpose" else 0]])
    made = _sizes(tensors[operator.outputs[0]])
    options = operator.builtinOptions
    if kind == "multiply" and len(operator.inputs) > 1:
        other = _sizes(tensors[operator.inputs[1]])
        kind, read = ("scale", max(read, other)) if other[:2] != read[:2] else (kind, read)
    groups = 1
    kernel = (1, 1)
    if kind in ("conv2d", "conv2d_transpose", "depthwise_conv2d"):
        shape = [int(size) for size in tensors[operator.inputs[1]].shape]
        kernel = (shape[1], shape[2])
        groups = read[2] // shape[3] if kind == "conv2d" else 1
    elif kind in ("average_pool", "max_pool"):
        kernel = (int(options.filterHeight), int(options.filterWidth))
    return Operator(
        kind=kind,
        height=read[0],
        width=read[1],
        channels_in=read[2],
        channels_out=made[2],
        kernel=kernel,
        strides=(int(getattr(options, "strideH", 1)), int(getattr(options, "strideW", 1))),
        dilation=(int(getattr(options, "dilationHFactor", 1)), int(getattr(options, "dilationWFactor", 1))),
        padding="valid" if getattr(options, "padding", None) == schema.Padding.VALID else "same",
        groups=groups,
    )


def _sizes(tensor: Any) -> tuple[int, int, int]:
    """Return height, width and channels; of fewer axes, the places before the channels are the width."""
    shape = [int(size) for size in tensor.shape] if tensor.shape is not None and len(tensor.shape) else [1]
    if len(shape) == 4:
        return shape[1], shape[2], shape[3]
    return 1, int(np.prod(shape[:-1])), shape[-1]
