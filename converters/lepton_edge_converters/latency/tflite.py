"""A TFLite file of one operator a few times over, written without a converter: a millisecond, not seconds.

The copies have weights of their own and read one input. Each copy's output is asked for its shape by an operator that
does no work, and one such shape is the file's output: engines drop what nobody reads, and what is read at the end is
copied, which would be timed too.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from lepton_edge_converters.exporters.flatbuffer import pack
from lepton_edge_converters.latency.operator import Operator

_BUILTIN = schema.BuiltinOperator
_FORMS = {
    "conv2d": (_BUILTIN.CONV_2D, 3, "Conv2DOptions"),
    "depthwise_conv2d": (_BUILTIN.DEPTHWISE_CONV_2D, 3, "DepthwiseConv2DOptions"),
    "conv2d_transpose": (_BUILTIN.TRANSPOSE_CONV, 3, "TransposeConvOptions"),
    "dense": (_BUILTIN.FULLY_CONNECTED, 12, "FullyConnectedOptions"),
    "add": (_BUILTIN.ADD, 2, "AddOptions"),
    "multiply": (_BUILTIN.MUL, 2, "MulOptions"),
    "scale": (_BUILTIN.MUL, 2, "MulOptions"),
    "average_pool": (_BUILTIN.AVERAGE_POOL_2D, 2, "Pool2DOptions"),
    "max_pool": (_BUILTIN.MAX_POOL_2D, 2, "Pool2DOptions"),
    "global_average_pool": (_BUILTIN.MEAN, 2, "ReducerOptions"),
    "hard_swish": (_BUILTIN.HARD_SWISH, 1, "HardSwishOptions"),
    "sigmoid": (_BUILTIN.LOGISTIC, 2, ""),
}
"""Number and version, the first with 8 bits for each channel, of the schema's operators; the table of their options."""

_SCALE_IN, _SCALE_WEIGHT, _SCALE_OUT = 1 / 64, 1 / 128, 1 / 16
_SIGMOID_QUANT = (1 / 256, -128)  # what the specification prescribes
_FLOAT, _INT32, _INT8 = schema.TensorType.FLOAT32, schema.TensorType.INT32, schema.TensorType.INT8


def tflite_file(operator: Operator | None, *, copies: int, quantized: bool = True) -> bytes:
    """Return a file with ``copies`` of an operator; without one, what is left when the operators are taken out."""
    writer = _Writer(quantized=quantized)
    shape = (1, operator.height, operator.width, operator.channels_in) if operator else (1, 1, 1, 8)
    source = writer.activation(shape)
    writer.graph.inputs = [source]
    made = [writer.copy(operator, source) if operator else source for _ in range(copies)]
    writer.graph.outputs = [writer.shape_of(tensor) for tensor in made][:1]
    return pack(writer.model)


class _Writer:
    """A file in the making; tensors are known by their place."""

    def __init__(self, *, quantized: bool) -> None:
        self.quantized = quantized
        self.model, self.graph = schema.ModelT(), schema.SubGraphT()
        self.model.version, self.model.subgraphs = 3, [self.graph]
        self.model.buffers, self.model.operatorCodes = [schema.BufferT()], []
        self.graph.tensors, self.graph.operators = [], []
        self._rng = np.random.default_rng(0)
        self._placed: dict[int, int] = {}

    def activation(self, shape: tuple[int, ...], quant: tuple[float, int] = (_SCALE_IN, 0)) -> int:
        """Add a tensor that is computed."""
        if not self.quantized:
            return self._tensor(shape, _FLOAT)
        scale, zero_point = quant
        return self._tensor(shape, _INT8, _quantization(np.array([scale]), zero_point))

    def copy(self, operator: Operator, source: int) -> int:
        """Add an operator that reads ``source``, and return its output."""
        inputs = self._inputs(operator, source)
        quant = _SIGMOID_QUANT if operator.kind == "sigmoid" else (_SCALE_OUT, 0)
        if operator.kind in ("max_pool", "average_pool"):
            quant = (_SCALE_IN, 0)  # their input's: they pass numbers on
        made = self.activation((1, *operator.size_out, operator.channels_out), quant)
        code, version, name = _FORMS[operator.kind]
        self._operator(code, version, inputs, made, *_options(operator, name))
        return made

    def shape_of(self, tensor: int) -> int:
        """Add an operator that reads nothing but the shape of ``tensor``, and return its output."""
        made = self._tensor((4,), _INT32)
        options = schema.ShapeOptionsT()
        options.outType = _INT32
        self._operator(_BUILTIN.SHAPE, 1, [tensor], made, schema.BuiltinOptions.ShapeOptions, options)
        return made

    def _inputs(self, operator: Operator, source: int) -> list[int]:
        """Return what an operator reads, in the schema's order; what is constant is added."""
        widths, kernel = operator.channels_out, operator.kernel
        match operator.kind:
            case "depthwise_conv2d":
                inputs = [source, *self._weights((1, *kernel, widths), axis=3)]
            case "dense":
                inputs = [source, *self._weights((widths, operator.channels_in))]
            case "conv2d":
                inputs = [source, *self._weights((widths, *kernel, operator.channels_in // operator.groups))]
            case "conv2d_transpose":
                weights, bias = self._weights((widths, *kernel, operator.channels_in))
                inputs = [self._numbers((1, *operator.size_out, widths)), weights, source, bias]
            case "scale":
                factors = self.activation((1, 1, 1, widths))
                self.graph.inputs = [*self.graph.inputs, factors]
                inputs = [source, factors]
            case "global_average_pool":
                inputs = [source, self._numbers((1, 2))]
            case "add" | "multiply":
                inputs = [source, source]
            case _:
                inputs = [source]
        return inputs

    def _weights(self, shape: tuple[int, ...], axis: int = 0) -> tuple[int, int]:
        channels = (shape[axis],)
        if not self.quantized:
            stored = self._rng.standard_normal(shape, np.float32)
            return self._constant(stored, _FLOAT), self._constant(np.zeros(channels, np.float32), _FLOAT)
        scales = self._rng.uniform(_SCALE_WEIGHT / 2, _SCALE_WEIGHT, channels).astype(np.float32)
        weights = self._rng.integers(-127, 128, shape, np.int8)
        bias = self._rng.integers(-1000, 1000, channels, np.int32)
        return (
            self._constant(weights, _INT8, _quantization(scales, 0, axis)),
            self._constant(bias, _INT32, _quantization(scales * np.float32(_SCALE_IN), 0)),
        )

    def _numbers(self, values: tuple[int, ...]) -> int:
        return self._constant(np.array(values, np.int32), _INT32)

    def _constant(self, value: NDArray[Any], kind: int, quantization: Any = None) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(value.tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        return self._tensor(value.shape, kind, quantization, buffer=len(self.model.buffers) - 1)

    def _tensor(self, shape: tuple[int, ...], kind: int, quantization: Any = None, *, buffer: int = 0) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = f"t{len(self.graph.tensors)}".encode(), np.array(shape, np.int32), kind
        tensor.quantization, tensor.buffer = quantization, buffer
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def _operator(self, code: int, version: int, inputs: list[int], output: int, kind: int, options: Any) -> None:
        operator = schema.OperatorT()
        if code not in self._placed:
            entry = schema.OperatorCodeT()
            entry.builtinCode, entry.deprecatedBuiltinCode, entry.version = code, min(code, 127), version
            self._placed[code] = len(self.model.operatorCodes)
            self.model.operatorCodes.append(entry)
        operator.opcodeIndex = self._placed[code]
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
        operator.builtinOptionsType, operator.builtinOptions = kind, options
        self.graph.operators.append(operator)


def _quantization(scales: NDArray[np.float32], zero_point: int, axis: int = 0) -> Any:
    quantization = schema.QuantizationParametersT()
    quantization.scale = scales.astype(np.float32)
    quantization.zeroPoint = np.full(scales.shape, zero_point, np.int64)
    quantization.quantizedDimension = axis
    return quantization


def _options(operator: Operator, name: str) -> tuple[int, Any]:
    """Return the number by which the schema knows a table of options, and the table filled in; 0 without one."""
    if not name:
        return 0, None
    options = getattr(schema, f"{name}T")()
    same = operator.padding == "same"
    settings = {
        "padding": schema.Padding.SAME if same else schema.Padding.VALID,
        "strideH": operator.strides[0],
        "strideW": operator.strides[1],
        "dilationHFactor": operator.dilation[0],
        "dilationWFactor": operator.dilation[1],
        "filterHeight": operator.kernel[0],
        "filterWidth": operator.kernel[1],
        "depthMultiplier": max(1, operator.channels_out // operator.channels_in),
        "keepDims": True,
        "keepNumDims": True,
    }
    for field, value in settings.items():
        if hasattr(options, field):
            setattr(options, field, value)
    return getattr(schema.BuiltinOptions, name), options
