"""Weights of a float ONNX graph stored in fewer bits, and computed with in float32."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_LARGE_WEIGHTS = 1024  # as TensorFlow's converter: smaller ones are not worth a scale


def store_weights_as_float16(model: onnx.ModelProto, *, only_exact: bool) -> None:
    """Store weights in 16 bits and cast them back: what TFLite's float16 does, computed in float32 alike.

    Args:
        model: Changed in place.
        only_exact: Leave weights that would change as they are.
    """
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < 16:
            continue
        half = values.astype(np.float16)
        if only_exact and not np.array_equal(half.astype(np.float32), values):
            continue
        name = f"{tensor.name}_float16"
        casts.append(helper.make_node("Cast", [name], [tensor.name], to=TensorProto.FLOAT))
        tensor.CopyFrom(numpy_helper.from_array(half, name))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def store_weights_as_int8(model: onnx.ModelProto) -> None:
    """Store large weights in 8 bits, symmetric and per channel, and dequantize them where they are used."""
    axes = _channel_axes(model.graph)
    quantizers, initializers = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim < 2 or values.size < _LARGE_WEIGHTS:
            initializers.append(tensor)
            continue
        axis = axes.get(tensor.name, values.ndim - 1)
        others = tuple(i for i in range(values.ndim) if i != axis)
        scale = np.maximum(np.abs(values).max(axis=others, keepdims=True), np.finfo(np.float32).tiny) / np.float32(127)
        stored, scales = f"{tensor.name}_int8", f"{tensor.name}_scale"
        initializers.append(numpy_helper.from_array(np.rint(values / scale).astype(np.int8), stored))
        initializers.append(numpy_helper.from_array(scale.reshape(-1).astype(np.float32), scales))
        quantizers.append(helper.make_node("DequantizeLinear", [stored, scales], [tensor.name], axis=axis))
    nodes = [*quantizers, *model.graph.node]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(initializers)


def _channel_axes(graph: onnx.GraphProto) -> dict[str, int]:
    """Return which axis of a weight counts output channels, where it is not the last one."""
    axes: dict[str, int] = {}
    for node in graph.node:
        first = {"Conv": 0, "ConvTranspose": 1, "Gather": 0, "LSTM": 1, "GRU": 1, "RNN": 1}.get(node.op_type)
        if node.op_type == "Gemm" and any(a.name == "transB" and a.i for a in node.attribute):
            first = 0
        if first is not None:
            axes |= dict.fromkeys(node.input, first)
    return axes
