"""Weights of a float ONNX graph stored in fewer bits, and computed with in float32."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

LARGE_WEIGHTS = 1024
"""Values of a tensor, as TensorFlow's converter counts: smaller ones are not worth a scale."""

_WEIGHTED = frozenset({"Conv", "Gemm", "MatMul"})


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
        if values.dtype != np.float32 or values.ndim < 2 or values.size < LARGE_WEIGHTS:
            initializers.append(tensor)
            continue
        axis = axes.get(tensor.name, values.ndim - 1)
        integers, factors = quantize_symmetric(values, axis)
        stored, scales = f"{tensor.name}_int8", f"{tensor.name}_scale"
        initializers.append(numpy_helper.from_array(integers, stored))
        initializers.append(numpy_helper.from_array(factors, scales))
        quantizers.append(helper.make_node("DequantizeLinear", [stored, scales], [tensor.name], axis=axis))
    nodes = [*quantizers, *model.graph.node]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(initializers)


def quantize_symmetric(values: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return values as -127 to 127 with a scale for each index of ``axis``."""
    others = tuple(i for i in range(values.ndim) if i != axis)
    scale = np.maximum(np.abs(values).max(axis=others, keepdims=True), np.finfo(np.float32).tiny) / np.float32(127)
    return np.rint(values / scale).astype(np.int8), scale.reshape(-1).astype(np.float32)


def dequantize_at_load(model: onnx.ModelProto) -> None:
    """Write each DequantizeLinear of a constant as Cast and Mul, in place; the real numbers stay the same.

    ONNX Runtime computes those once, when it loads a file. A DequantizeLinear it keeps, in the hope of an integer
    operator behind it, and computes in each run: two to three times the time of float.
    """
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        if not _scales_constant(node, constants):
            nodes.append(node)
            continue
        (real,) = node.output
        cast, scale = f"{real}_cast", f"{real}_factors"
        factors = _along_axis(constants[node.input[1]], constants[node.input[0]].ndim, node)
        model.graph.initializer.append(numpy_helper.from_array(factors, scale))
        nodes.append(helper.make_node("Cast", [node.input[0]], [cast], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", [cast, scale], [real]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def round_activations(model: onnx.ModelProto) -> None:
    """Round what meets weights of 8 bits to 8 bits too, by its own range in each run, in place.

    That is what ``dynamic`` means, computed in float. ONNX Runtime's integer kernels for it (ConvInteger and
    MatMulInteger) take twelve times as long on convolutions, and overflow on x86 without VNNI.
    """
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    weights = {node.output[0] for node in model.graph.node if _scales_constant(node, constants)}
    rounded: dict[str, str] = {}
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        if node.op_type in _WEIGHTED and node.input[1] in weights:
            source = node.input[0]
            if source not in rounded:
                rounded[source] = f"{source}_rounded"
                parts = [f"{source}_{part}" for part in ("stored", "step", "zero")]
                nodes.append(helper.make_node("DynamicQuantizeLinear", [source], parts))
                nodes.append(helper.make_node("DequantizeLinear", parts, [rounded[source]]))
            node.input[0] = rounded[source]
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _scales_constant(node: onnx.NodeProto, constants: dict[str, NDArray[Any]]) -> bool:
    """Return whether a node only multiplies a constant of integers by constants."""
    if node.op_type != "DequantizeLinear" or any(name and name not in constants for name in node.input):
        return False
    return len(node.input) < 3 or not node.input[2] or not constants[node.input[2]].any()


def _along_axis(scales: NDArray[Any], rank: int, node: onnx.NodeProto) -> NDArray[np.float32]:
    """Return scales in the shape that spreads them along the node's axis."""
    if scales.size == 1:
        return np.asarray(scales.reshape(()), np.float32)
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
    shape = [1] * rank
    shape[axis] = scales.size
    return np.asarray(scales.reshape(shape), np.float32)


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
