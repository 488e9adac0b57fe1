"""A TFLite flatbuffer's operators, tensors and metadata."""

import struct
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from lepton_edge_runtime.errors import ModelFileError, not_imported
from lepton_edge_runtime.formats import CARD_KEY, ModelFile, Operator
from lepton_edge_runtime.tensors import TensorSpec, read_quant

_DTYPES = {
    0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16",
    9: "int8", 10: "float64", 15: "uint32", 16: "uint16",
}  # fmt: skip
# Inputs that say where, not what: shapes, axes, paddings, indices.
_CUSTOM = 32


def read_tflite(data: bytes) -> ModelFile:
    """Return what a TFLite file says of itself.

    Raises:
        MissingExtraError, BrokenExtraError: LiteRT, whose schema this uses, is not installed, or broken.
        ModelFileError: The bytes are no TFLite file.
    """
    schema = _schema()
    if len(data) < 16 or data[4:8] != b"TFL3":
        raise ModelFileError("this is no TFLite file: its bytes 4 to 8 are not 'TFL3'")
    try:
        model = schema.Model.GetRootAs(data, 0)
        names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
        graph = model.Subgraphs(0)
        specs = [_tensor_spec(graph.Tensors(i)) for i in range(graph.TensorsLength())]
        return ModelFile(
            operators=tuple(_operators(model, graph, specs, names)),
            inputs=tuple(specs[graph.Inputs(i)] for i in range(graph.InputsLength())),
            outputs=tuple(specs[graph.Outputs(i)] for i in range(graph.OutputsLength())),
            card=_metadata(model, CARD_KEY),
        )
    except (struct.error, IndexError, AttributeError, TypeError, ValueError, UnicodeDecodeError) as broken:
        # The generated reader trusts every offset; a broken one ends in any of these.
        raise ModelFileError(f"the TFLite file is broken: {broken}") from broken


def _schema() -> Any:
    try:
        from ai_edge_litert import schema_py_generated  # noqa: PLC0415 - 20,000 generated lines
    except ImportError as problem:
        raise not_imported(
            problem,
            "LiteRT (ai_edge_litert)",
            package="ai_edge_litert",
            extra="tflite",
            remedy="install what it needs, or another version of it",
        ) from problem
    return schema_py_generated


def _tensor_spec(tensor: Any) -> TensorSpec:
    dtype = _DTYPES.get(tensor.Type(), f"type {tensor.Type()}")
    quantization = tensor.Quantization()
    quant = None
    if quantization is not None and quantization.ScaleLength() == 1:
        zero_point = int(quantization.ZeroPoint(0)) if quantization.ZeroPointLength() else 0
        quant = read_quant(dtype, float(quantization.Scale(0)), zero_point)
    shape = tensor.ShapeAsNumpy()
    return TensorSpec(
        name=(tensor.Name() or b"").decode(),
        dtype=dtype,  # type: ignore[arg-type]  # one we do not know is shown, never run
        shape=tuple(int(size) for size in shape) if isinstance(shape, np.ndarray) else (),
        quant=quant,
    )


def _operators(model: Any, graph: Any, specs: list[TensorSpec], names: dict[int, str]) -> Iterator[Operator]:
    for i in range(graph.OperatorsLength()):
        operator = graph.Operators(i)
        code = model.OperatorCodes(operator.OpcodeIndex())
        # Files from before schema 3a keep the number in a byte.
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        custom = number == _CUSTOM
        kind = (code.CustomCode() or b"?").decode() if custom else names.get(number, f"operator {number}")
        inputs = [specs[j] for j in _indices(operator.InputsAsNumpy())]
        outputs = [specs[j] for j in _indices(operator.OutputsAsNumpy())]
        ends = (
            inputs[:1] + outputs if kind not in ("GATHER", "CONCATENATION", "ADD", "MUL", "SUB") else inputs + outputs
        )
        yield Operator(
            kind=kind,
            custom=custom,
            dtypes=frozenset(spec.dtype for spec in ends),
            macs=_macs(kind, inputs, outputs),
            output=outputs[0].name if outputs else "",
        )


def _indices(array: Any) -> list[int]:
    return [int(i) for i in array if i >= 0] if isinstance(array, np.ndarray) else []


def _macs(kind: str, inputs: list[TensorSpec], outputs: list[TensorSpec]) -> int:
    """Return the multiply-accumulates of one operator; its weights are output channels first."""
    if not outputs or len(inputs) < 2:
        return 0
    produced, weights = prod(outputs[0].shape), inputs[1].shape
    if kind == "TRANSPOSE_CONV":
        # Each input value is spread over a kernel and all output channels.
        return prod(inputs[2].shape) * prod(weights[:3]) if len(inputs) > 2 else 0
    per_value = {
        "CONV_2D": prod(weights[1:]),
        "FULLY_CONNECTED": prod(weights[1:]),
        "DEPTHWISE_CONV_2D": prod(weights[1:3]),
        "CONV_3D": prod(weights[:4]),
        "BATCH_MATMUL": inputs[0].shape[-1] if inputs[0].shape else 0,
    }
    return produced * per_value.get(kind, 0)


def _metadata(model: Any, name: str) -> bytes | None:
    for i in range(model.MetadataLength()):
        entry = model.Metadata(i)
        if entry.Name() == name.encode():
            content = model.Buffers(entry.Buffer()).DataAsNumpy()
            return content.tobytes() if isinstance(content, np.ndarray) else None
    return None
