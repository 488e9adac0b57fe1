"""A TFLite flatbuffer's operators, tensors and metadata."""

import struct
from collections.abc import Iterator
from math import prod
from typing import Any

import msgspec
import numpy as np

from lepton_edge_runtime.errors import ModelFileError, not_imported
from lepton_edge_runtime.formats import CARD_KEY, OPERATORS_MAX, ModelFile, Operator, end_obstacles
from lepton_edge_runtime.formats.budget import Budget
from lepton_edge_runtime.formats.metadata import METADATA_KEY, read_metadata
from lepton_edge_runtime.tensors import OPEN, TensorSpec, read_quant

_CUSTOM = 32
# Custom operators that LiteRT has kernels for all the same.
_SERVED_CUSTOM = {"TFLite_Detection_PostProcess", "AudioSpectrogram", "Mfcc", "NumericVerify"}
_STATE = {"VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"}
_GRAPHS_MAX = 1000
_BUFFERS_MAX = 200_000
_ENDS_MAX = 1000
_RANK_MAX = 32
_NAME_BYTES_MAX = 10_000
# Of one operator: years of work for a device, so its shapes are of no tensor.
_MACS_END = 1 << 60


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
        _refuse_outside(model, len(data))
        names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
        types = {value: name.lower() for name, value in vars(schema.TensorType).items() if isinstance(value, int)}
        graphs = [model.Subgraphs(i) for i in range(_bounded(model.SubgraphsLength(), _GRAPHS_MAX, "graphs"))]
        budget = Budget()
        budget.take_parts(sum(graph.TensorsLength() + graph.OperatorsLength() for graph in graphs))
        specs = [_tensor_specs(graph, types, budget) for graph in graphs]
        operators = [
            tuple(_operators(model, graph, own, names, len(data), budget))
            for graph, own in zip(graphs, specs, strict=True)
        ]
        main = graphs[0]
        inputs = _ends(main, specs[0], main.Inputs, main.InputsLength())
        outputs = _ends(main, specs[0], main.Outputs, main.OutputsLength())
        state = [spec.name for i, spec in enumerate(inputs) if main.Tensors(main.Inputs(i)).IsVariable()]
        version = model.Version()
        card, metadata = _metadata(model, CARD_KEY, budget), _metadata(model, METADATA_KEY, budget)
    except (struct.error, IndexError, AttributeError, TypeError, ValueError, UnicodeDecodeError) as broken:
        # The generated reader trusts every offset; a broken one ends in any of these.
        raise ModelFileError(f"the TFLite file is broken: {broken}") from broken
    return ModelFile(
        operators=operators[0],
        inputs=inputs,
        outputs=outputs,
        card=card,
        hints=read_metadata(metadata, data),
        obstacles=(*_operator_obstacles(operators), *_state_obstacles(state), *end_obstacles(inputs, outputs)),
        versions={"schema": version},
    )


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


def _bounded(length: int, most: int, what: str) -> int:
    """Return a vector's length, or refuse one that would only fill the memory."""
    if length > most:
        raise ValueError(f"it claims to have {length} {what}, and at most {most} are read")
    return length


def _refuse_outside(model: Any, size: int) -> None:
    """Refuse weights that lie past the file's end, or in other files."""
    # The newest schema lets weights lie in other files; ours is told by the package that is installed.
    external = (
        getattr(model, "ExternalBufferGroupsLength", lambda: 0)() + getattr(model, "ExternalBuffersLength", lambda: 0)()
    )
    if external:
        raise ValueError("it keeps weights outside itself, and only files that are whole are read")
    for i in range(_bounded(model.BuffersLength(), _BUFFERS_MAX, "buffers")):
        buffer = model.Buffers(i)
        if buffer.Offset() + buffer.Size() > size:
            raise ValueError(
                f"its buffer {i} lies past the end, at {buffer.Offset()} + {buffer.Size()} of {size} bytes"
            )
        buffer.DataAsNumpy()  # a view, which raises where the buffer reaches past the end


def _tensor_specs(graph: Any, types: dict[int, str], budget: Budget) -> list[TensorSpec]:
    count = _bounded(graph.TensorsLength(), OPERATORS_MAX, "tensors")
    return [_tensor_spec(graph.Tensors(i), types, budget) for i in range(count)]


def _tensor_spec(tensor: Any, types: dict[int, str], budget: Budget) -> TensorSpec:
    dtype = types.get(tensor.Type(), f"type {tensor.Type()}")
    quantization = tensor.Quantization()
    quant = None
    if quantization is not None and quantization.ScaleLength() == 1:
        zero_point = int(quantization.ZeroPoint(0)) if quantization.ZeroPointLength() else 0
        quant = read_quant(dtype, float(quantization.Scale(0)), zero_point)
    _bounded(tensor.ShapeLength(), _RANK_MAX, "axes of one tensor")
    name = tensor.Name() or b""
    budget.take_text(_bounded(len(name), _NAME_BYTES_MAX, "bytes in a name"))
    return TensorSpec(
        name=name.decode(),
        dtype=dtype,  # type: ignore[arg-type]  # others are shown, never run
        shape=_sizes(tensor.ShapeAsNumpy()),
        quant=quant,
    )


def _ends(graph: Any, specs: list[TensorSpec], index: Any, count: int) -> tuple[TensorSpec, ...]:
    """Return inputs or outputs, with the axes open that the file's signature leaves open."""
    ends = []
    for i in range(_bounded(count, _ENDS_MAX, "inputs or outputs")):
        spec, tensor = specs[index(i)], graph.Tensors(index(i))
        _bounded(tensor.ShapeSignatureLength(), _RANK_MAX, "axes of one tensor")
        signature = _sizes(tensor.ShapeSignatureAsNumpy())
        open_axes = len(signature) == len(spec.shape) and min(signature, default=0) < 0
        ends.append(msgspec.structs.replace(spec, shape=signature) if open_axes else spec)
    return tuple(ends)


def _sizes(array: Any) -> tuple[int, ...]:
    return tuple(int(size) if size >= 0 else OPEN for size in array) if isinstance(array, np.ndarray) else ()


def _operator_obstacles(graphs: list[tuple[Operator, ...]]) -> list[str]:
    found = []
    for kind, custom in dict.fromkeys((one.kind, one.custom) for graph in graphs for one in graph):
        if kind in _STATE:
            found.append(f"the operator {kind!r} keeps state from one run to the next (resource variables): not served")
        elif custom and kind.startswith("Flex"):
            found.append(
                f"the operator {kind!r} is TensorFlow's own (Flex), which LiteRT does not run; convert the model again "
                "without select TensorFlow operators"
            )
        elif custom and kind == "edgetpu-custom-op":
            found.append(f"the operator {kind!r} runs on an Edge TPU only; take the file it was compiled from")
        elif custom:
            found.append(
                f"the operator {kind!r} is a custom one, and LiteRT has no kernel for it; convert the model without it"
            )
    return found


def _state_obstacles(names: list[str]) -> list[str]:
    return [f"the input {name!r} is state that is kept from one run to the next: not served" for name in names]


def _operators(
    model: Any, graph: Any, specs: list[TensorSpec], names: dict[int, str], size: int, budget: Budget
) -> Iterator[Operator]:
    for i in range(_bounded(graph.OperatorsLength(), OPERATORS_MAX, "operators")):
        operator = graph.Operators(i)
        code = model.OperatorCodes(operator.OpcodeIndex())
        # Files from before schema 3a keep the number in a byte.
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        kind = names.get(number, f"operator {number}")
        if operator.LargeCustomOptionsOffset() + operator.LargeCustomOptionsSize() > size:
            raise ValueError(f"the options of its operator {i} lie past the end")
        if number == _CUSTOM:
            custom_code = code.CustomCode() or b"?"
            budget.take_text(_bounded(len(custom_code), _NAME_BYTES_MAX, "bytes in a name"))
            kind = custom_code.decode()
        budget.take_parts(operator.InputsLength() + operator.OutputsLength())
        inputs = [specs[j] for j in _indices(operator.InputsAsNumpy())]
        outputs = [specs[j] for j in _indices(operator.OutputsAsNumpy())]
        ends = (
            inputs[:1] + outputs if kind not in ("GATHER", "CONCATENATION", "ADD", "MUL", "SUB") else inputs + outputs
        )
        macs = _macs(kind, inputs, outputs)
        yield Operator(
            kind=kind,
            custom=number == _CUSTOM and kind not in _SERVED_CUSTOM,
            dtypes=frozenset(spec.dtype for spec in ends),
            macs=macs if 0 < macs < _MACS_END else 0,
            inputs=tuple(spec.name for spec in inputs),
            outputs=tuple(spec.name for spec in outputs),
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


def _metadata(model: Any, name: str, budget: Budget) -> bytes | None:
    for i in range(_bounded(model.MetadataLength(), _ENDS_MAX, "metadata entries")):
        entry = model.Metadata(i)
        found = entry.Name() or b""
        budget.take_text(len(found))
        if found == name.encode():
            content = model.Buffers(entry.Buffer()).DataAsNumpy()
            return content.tobytes() if isinstance(content, np.ndarray) else None
    return None
