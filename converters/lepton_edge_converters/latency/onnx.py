"""An ONNX file of one operator a few times over, quantized as the exporters quantize: uint8 between the operators.

ONNX Runtime computes shapes before the first run and then drops what is read for its shape alone, so that here each
copy's output is read by a Slice of its first place; files with as many of them and no operator are timed beside.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from lepton_edge_converters.latency.operator import Operator

_OPSET, _IR = 17, 8
_SCALE_IN, _SCALE_WEIGHT, _SCALE_OUT = 1 / 64, 1 / 128, 1 / 16


def onnx_file(operator: Operator | None, *, copies: int, quantized: bool = True) -> bytes:
    """Return a file with ``copies`` of an operator; without one, what is left when the operators are taken out."""
    shape = (1, operator.channels_in, operator.height, operator.width) if operator else (1, 8, 1, 1)
    writer = _Writer(quantized=quantized)
    source = writer.source(shape)
    made = [writer.copy(operator, source) if operator else source for _ in range(copies)]
    axes = (1,) if operator and operator.kind == "dense" else (2, 3)
    return writer.finished([writer.first_place(tensor, axes) for tensor in made])


class _Writer:
    """A file in the making; tensors are known by their names."""

    def __init__(self, *, quantized: bool) -> None:
        self._quantized = quantized
        self._stored = TensorProto.UINT8 if quantized else TensorProto.FLOAT
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self._inputs: list[ValueInfoProto] = []
        self._rng = np.random.default_rng(0)
        self._made = 0

    def source(self, shape: tuple[int, ...]) -> str:
        """Add an input of the file."""
        name = self._name()
        self._inputs.append(helper.make_tensor_value_info(name, self._stored, shape))
        return name

    def copy(self, operator: Operator, source: str) -> str:
        """Add an operator that reads ``source``, and return its output as it is stored."""
        real = self._real(source)
        made = getattr(self, f"_{operator.kind}")(operator, real)
        passes = operator.kind in ("max_pool", "average_pool", "global_average_pool")
        return self._quantize(str(made), _SCALE_IN if passes else _SCALE_OUT)

    def first_place(self, tensor: str, axes: tuple[int, ...]) -> str:
        """Add an operator that reads the first of ``tensor`` along some axes, and return its output."""
        first, end = [0] * len(axes), [1] * len(axes)
        ends = [self._constant(np.array(values, np.int64)) for values in (first, end, axes)]
        return self._node("Slice", [tensor, *ends])

    def finished(self, outputs: list[str]) -> bytes:
        """Return the file, its outputs these tensors."""
        ends = [helper.make_tensor_value_info(name, self._stored, None) for name in outputs]
        graph = helper.make_graph(self._nodes, "operator", self._inputs, ends, self._constants)
        opset = [helper.make_opsetid("", _OPSET)]
        return bytes(helper.make_model(graph, opset_imports=opset, ir_version=_IR).SerializeToString())

    def _conv2d(self, operator: Operator, real: str) -> str:
        shape = (operator.channels_out, operator.channels_in // operator.groups, *operator.kernel)
        return self._convolution(operator, real, shape, operator.groups)

    def _depthwise_conv2d(self, operator: Operator, real: str) -> str:
        return self._convolution(operator, real, (operator.channels_out, 1, *operator.kernel), operator.channels_in)

    def _convolution(self, operator: Operator, real: str, shape: tuple[int, ...], groups: int) -> str:
        weights = self._weights(shape)
        return self._node(
            "Conv",
            [real, *weights],
            kernel_shape=operator.kernel,
            dilations=operator.dilation,
            group=groups,
            **_window(operator),
        )

    def _conv2d_transpose(self, operator: Operator, real: str) -> str:
        weights = self._weights((operator.channels_in, operator.channels_out, *operator.kernel), axis=1)
        return self._node("ConvTranspose", [real, *weights], kernel_shape=operator.kernel, **_window(operator))

    def _dense(self, operator: Operator, real: str) -> str:
        weights, bias = self._weights((operator.channels_out, operator.channels_in))
        rows = self._constant(np.array([-1, operator.channels_in], np.int64))
        return self._node("Gemm", [self._node("Reshape", [real, rows]), weights, bias], transB=1)

    def _add(self, operator: Operator, real: str) -> str:  # noqa: ARG002 - one signature for every kind
        return self._node("Add", [real, real])

    def _multiply(self, operator: Operator, real: str) -> str:  # noqa: ARG002 - one signature for every kind
        return self._node("Mul", [real, real])

    def _scale(self, operator: Operator, real: str) -> str:
        return self._node("Mul", [real, self._real(self.source((1, operator.channels_in, 1, 1)))])

    def _average_pool(self, operator: Operator, real: str) -> str:
        return self._node("AveragePool", [real], kernel_shape=operator.kernel, **_window(operator))

    def _max_pool(self, operator: Operator, real: str) -> str:
        return self._node("MaxPool", [real], kernel_shape=operator.kernel, **_window(operator))

    def _global_average_pool(self, operator: Operator, real: str) -> str:  # noqa: ARG002 - one signature for every kind
        return self._node("GlobalAveragePool", [real])

    def _hard_swish(self, operator: Operator, real: str) -> str:  # noqa: ARG002 - one signature for every kind
        return self._node("HardSwish", [real])

    def _sigmoid(self, operator: Operator, real: str) -> str:  # noqa: ARG002 - one signature for every kind
        return self._node("Sigmoid", [real])

    def _weights(self, shape: tuple[int, ...], axis: int = 0) -> tuple[str, str]:
        width = (shape[axis],)
        if not self._quantized:
            return self._constant(self._rng.standard_normal(shape, np.float32)), self._constant(np.zeros(width, "f4"))
        scales = self._rng.uniform(_SCALE_WEIGHT / 2, _SCALE_WEIGHT, width).astype(np.float32)
        weights = self._rng.integers(-127, 128, shape, np.int8)
        bias = self._rng.integers(-1000, 1000, width, np.int32)
        return (
            self._dequantize(self._constant(weights), scales, np.zeros(width, np.int8), axis),
            self._dequantize(self._constant(bias), scales * np.float32(_SCALE_IN), np.zeros(width, np.int32), 0),
        )

    def _real(self, stored: str) -> str:
        if not self._quantized:
            return stored
        return self._dequantize(stored, np.array(_SCALE_IN, np.float32), np.array(128, np.uint8), 1)

    def _dequantize(self, stored: str, scales: NDArray[np.float32], zero: NDArray[np.generic], axis: int) -> str:
        scaling = [self._constant(scales), self._constant(zero)]
        return self._node("DequantizeLinear", [stored, *scaling], axis=axis)

    def _quantize(self, real: str, scale: float) -> str:
        if not self._quantized:
            return real
        scaling = [self._constant(np.array(scale, np.float32)), self._constant(np.array(128, np.uint8))]
        return self._node("QuantizeLinear", [real, *scaling])

    def _node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        made = self._name()
        self._nodes.append(helper.make_node(kind, inputs, [made], **attributes))
        return made

    def _constant(self, value: NDArray[np.generic]) -> str:
        name = self._name()
        self._constants.append(numpy_helper.from_array(value, name))
        return name

    def _name(self) -> str:
        self._made += 1
        return f"t{self._made}"


def _window(operator: Operator) -> dict[str, Any]:
    """Return strides, and the padding as numbers: what is odd goes to the end, as in TensorFlow."""
    before, after = [], []
    outs = operator.size_out
    for axis, size in enumerate((operator.height, operator.width)):
        kernel, stride = (operator.kernel[axis] - 1) * operator.dilation[axis] + 1, operator.strides[axis]
        if operator.kind == "conv2d_transpose":
            total = (size - 1) * stride + kernel - outs[axis]
        else:
            total = max(0, (outs[axis] - 1) * stride + kernel - size)
        before.append(total // 2)
        after.append(total - total // 2)
    return {"strides": operator.strides, "pads": [*before, *after]}
