"""Weights of a float TFLite file stored in 8 bits, and made float again by the file itself.

LiteRT dequantizes constants once, when the file is loaded, and computes as it does in float32.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from lepton_edge_converters.exporters.flatbuffer import operator_code, pack, unpack
from lepton_edge_converters.exporters.weights import LARGE_WEIGHTS, quantize_symmetric

_KIND = schema.BuiltinOperator
# Operators that have weights, and which axis of those counts output channels; rows, for a table.
_CHANNEL_AXES = {
    _KIND.CONV_2D: 0,
    _KIND.DEPTHWISE_CONV_2D: 3,
    _KIND.TRANSPOSE_CONV: 0,
    _KIND.CONV_3D: 4,
    _KIND.FULLY_CONNECTED: 0,
    _KIND.BATCH_MATMUL: -1,
    _KIND.GATHER: 0,
    _KIND.EMBEDDING_LOOKUP: 0,
    _KIND.UNIDIRECTIONAL_SEQUENCE_LSTM: 0,
}

_PER_CHANNEL = 5  # the version of DEQUANTIZE that takes a scale for each channel


def store_weights_as_int8(content: bytes) -> bytes:
    """Return the file with large weights in 8 bits, symmetric and per channel, each behind a DEQUANTIZE."""
    model = unpack(content)
    for graph in model.subgraphs:
        stored: set[int] = set()
        operators = []
        for operator in graph.operators:
            for index, axis in _large_weights(model, graph, operator):
                if index not in stored:
                    stored.add(index)
                    operators.append(_dequantizer(model, graph, index, axis))
            operators.append(operator)
        graph.operators = operators
    _drop_unused_buffers(model)
    return pack(model)


def _large_weights(model: Any, graph: Any, operator: Any) -> Iterator[tuple[int, int]]:
    """Yield the float constants that an operator reads and that are worth scales, and the axis of their channels."""
    axis = _CHANNEL_AXES.get(model.operatorCodes[operator.opcodeIndex].builtinCode)
    if axis is None:
        return
    for index in map(int, operator.inputs):
        tensor = graph.tensors[index] if index >= 0 else None
        if tensor is None or tensor.type != schema.TensorType.FLOAT32 or tensor.shape is None or len(tensor.shape) < 2:
            continue
        data = model.buffers[tensor.buffer].data
        if data is not None and len(data) >= 4 * LARGE_WEIGHTS:
            yield index, axis


def _dequantizer(model: Any, graph: Any, index: int, axis: int) -> Any:
    """Return a DEQUANTIZE that makes the tensor ``index``, whose values move into a new one of 8 bits."""
    real = graph.tensors[index]
    values = np.asarray(model.buffers[real.buffer].data, np.uint8).view(np.float32).reshape(real.shape)
    axis %= values.ndim
    stored, scales = quantize_symmetric(values, axis)
    tensor = schema.TensorT()
    tensor.name, tensor.type, tensor.shape = real.name + b"/int8", schema.TensorType.INT8, real.shape
    tensor.quantization = _quantization(scales, axis)
    tensor.buffer = len(model.buffers)
    buffer = schema.BufferT()
    buffer.data = stored.reshape(-1).view(np.uint8)
    model.buffers.append(buffer)
    graph.tensors.append(tensor)
    real.buffer = 0  # TFLite's empty buffer: computed, not stored
    operator = schema.OperatorT()
    operator.opcodeIndex = operator_code(model, _KIND.DEQUANTIZE, version=_PER_CHANNEL)
    operator.inputs = np.array([len(graph.tensors) - 1], np.int32)
    operator.outputs = np.array([index], np.int32)
    operator.builtinOptionsType = schema.BuiltinOptions.DequantizeOptions
    operator.builtinOptions = schema.DequantizeOptionsT()
    return operator


def _quantization(scales: NDArray[np.float32], axis: int) -> Any:
    parameters = schema.QuantizationParametersT()
    parameters.scale = scales
    parameters.zeroPoint = np.zeros(scales.size, np.int64)
    parameters.quantizedDimension = axis
    return parameters


def _drop_unused_buffers(model: Any) -> None:
    """Leave out the values that nothing refers to any more."""
    holders = [*(tensor for graph in model.subgraphs for tensor in graph.tensors), *(model.metadata or [])]
    used = sorted({0, *(holder.buffer for holder in holders)})
    places = {old: new for new, old in enumerate(used)}
    model.buffers = [model.buffers[old] for old in used]
    for holder in holders:
        holder.buffer = places[holder.buffer]
