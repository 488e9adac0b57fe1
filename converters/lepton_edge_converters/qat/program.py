"""A calibrated TFLite file as the steps of a program, with what the quantizer will store in 8 bits."""

from collections.abc import Collection, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from lepton_edge_converters.errors import ConversionError
from lepton_edge_converters.exporters.flatbuffer import pack, unpack
from lepton_edge_converters.qat.rounding import limits_of
from lepton_edge_converters.quantize.engine import quantize
from lepton_edge_converters.quantize.layers import MOVERS, output_number
from lepton_edge_converters.quantize.ranges import Range, with_ranges
from lepton_edge_runtime.tensors import Quant

_KINDS: Mapping[int, str] = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
_DTYPES: Mapping[int, np.dtype[Any]] = {
    schema.TensorType.FLOAT32: np.dtype(np.float32),
    schema.TensorType.INT32: np.dtype(np.int32),
    schema.TensorType.INT64: np.dtype(np.int64),
    schema.TensorType.BOOL: np.dtype(np.bool_),
}
_BETWEEN = frozenset({"QUANTIZE", "DEQUANTIZE"})

WEIGHTED: Mapping[str, tuple[int, int]] = {
    "CONV_2D": (1, 2),
    "DEPTHWISE_CONV_2D": (1, 2),
    "FULLY_CONNECTED": (1, 2),
    "TRANSPOSE_CONV": (1, 3),
}
"""Operators with a kernel and a bias, and which of their inputs those are."""

# The quantizer gives all float tensors of these one scale (its trait SameOperandsAndResultsScale).
_ONE_SCALE = MOVERS | {
    *("BROADCAST_TO", "CONCATENATION", "MAXIMUM", "MINIMUM", "PACK", "PADV2", "REDUCE_MAX", "REDUCE_MIN"),
    *("RESIZE_BILINEAR", "SPLIT_V", "UNPACK"),
}
# What these make lies between known ends: their scales are part of how TFLite computes them.
_KNOWN_ENDS = frozenset({"L2_NORMALIZATION", "LOG_SOFTMAX", "LOGISTIC", "SOFTMAX", "TANH"})
# The inputs that a RESHAPE takes its form from are not needed: the form of its output is known.
_BY_FORM = frozenset({"EXPAND_DIMS", "RESHAPE", "SQUEEZE"})


@dataclass(frozen=True, slots=True)
class Step:
    """One operator.

    Attributes:
        kind: TFLite's name.
        options: Of its kind, as the schema has them; ``None`` where there are none.
        inputs: Tensors it takes; -1 for one left out.
        outputs: Tensors it makes.
    """

    kind: str
    options: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """What a file computes.

    Attributes:
        content: The file, each weight in a buffer of its own.
        inputs, outputs: Tensors, in the model's order.
        shapes: Of each tensor, for one sample.
        dtypes: Of each tensor.
        names: Of each tensor.
        steps: That the outputs need, in the order in which they run.
        constants: Values of the tensors that are stored.
        stored: Constants that become 8 bits, with the axis that has a scale for each index, or ``None`` for one scale.
        groups: Which range an activation that becomes 8 bits has; tensors of one group share it.
        ranges: Of each group, as it would be without training.
        learned: Groups whose range may move: not that of an input, of an output, or of a sigmoid.
        free: Whether the batch is free.
    """

    content: bytes
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    shapes: Mapping[int, tuple[int, ...]]
    dtypes: Mapping[int, np.dtype[Any]]
    names: Mapping[int, str]
    steps: tuple[Step, ...]
    constants: Mapping[int, NDArray[Any]]
    stored: Mapping[int, int | None]
    groups: Mapping[int, int]
    ranges: Mapping[int, Range]
    learned: frozenset[int]
    free: bool

    @property
    def in_float(self) -> tuple[str, ...]:
        """Return the operators that 8 bits do not reach, by the names of their first outputs."""
        return tuple(
            self.names[step.outputs[0]]
            for step in self.steps
            if self.dtypes[step.outputs[0]] == np.float32 and not set(step.outputs) & self.groups.keys()
        )


def read_program(calibrated: bytes, in_float: Collection[str] = ()) -> Program:
    """Return what a calibrated file computes, and what the quantizer makes of it.

    Args:
        calibrated: From ``quantize.engine.calibrate``.
        in_float: Names of operators that stay in float: those of their first outputs.

    Raises:
        ConversionError: The quantizer changes the file's operators, so that nothing tells which tensor is which.
    """
    model = _with_own_weights(unpack(calibrated))
    content = pack(model)
    graph = model.subgraphs[0]
    inputs, outputs = _ends(model)
    constants = {i: values for i, one in enumerate(graph.tensors) if (values := _values(model, one)) is not None}
    steps = _needed(_steps(model), outputs)
    quants, stored = _quantized(content, _steps(model), in_float)
    activations = {i: quant for i, quant in quants.items() if i not in constants}
    groups = _grouped(steps, activations)
    known = {groups[i] for step in steps if step.kind in _KNOWN_ENDS for i in step.outputs if i in groups}
    fixed = known | {groups[i] for i in (*inputs, *outputs) if i in groups}
    return Program(
        content=content,
        inputs=inputs,
        outputs=outputs,
        shapes={i: _shape(one) for i, one in enumerate(graph.tensors)},
        dtypes={i: _DTYPES.get(one.type, np.dtype(np.void)) for i, one in enumerate(graph.tensors)},
        names={i: one.name.decode() for i, one in enumerate(graph.tensors)},
        steps=steps,
        constants=constants,
        stored={i: axis for i, axis in stored.items() if i in constants},
        groups=groups,
        ranges=_ranges(groups, activations),
        learned=frozenset(groups.values()) - fixed,
        free=any(one.shapeSignature is not None and -1 in one.shapeSignature for one in graph.tensors),
    )


def _with_own_weights(model: Any) -> Any:
    """Give each kernel its own bias and each tensor its own buffer, in place: equal zeros are stored once."""
    graph = model.subgraphs[0]
    owners: dict[int, int] = {}
    for operator in graph.operators:
        kernel, bias = WEIGHTED.get(_kind(model, operator), (0, len(operator.inputs)))
        if bias >= len(operator.inputs) or (shared := int(operator.inputs[bias])) < 0:
            continue
        if owners.setdefault(shared, int(operator.inputs[kernel])) != operator.inputs[kernel]:
            graph.tensors.append(copy(graph.tensors[shared]))
            graph.tensors[-1].name += f"/{len(graph.tensors)}".encode()
            operator.inputs = np.array([*operator.inputs[:bias], len(graph.tensors) - 1], np.int32)
    taken: set[int] = set()
    for tensor in graph.tensors:
        data = model.buffers[tensor.buffer].data
        if data is None or not len(data):
            continue
        if tensor.buffer in taken:
            model.buffers.append(copy(model.buffers[tensor.buffer]))
            tensor.buffer = len(model.buffers) - 1
        taken.add(tensor.buffer)
    return model


def _ends(model: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    signature = model.signatureDefs[0]
    inputs = {int(one.name.decode().removeprefix("input_")): one.tensorIndex for one in signature.inputs}
    outputs = {output_number(one.name.decode()): one.tensorIndex for one in signature.outputs}
    return tuple(inputs[i] for i in sorted(inputs)), tuple(outputs[i] for i in sorted(outputs))


def _steps(model: Any) -> list[Step]:
    return [
        Step(_kind(model, one), _options(model, one), tuple(map(int, one.inputs)), tuple(map(int, one.outputs)))
        for one in model.subgraphs[0].operators
    ]


def _options(model: Any, operator: Any) -> Any:
    """Return an operator's options; those of a CAST, which TensorFlow leaves out, as its output tells them."""
    if operator.builtinOptions is not None or _kind(model, operator) != "CAST":
        return operator.builtinOptions
    options = schema.CastOptionsT()
    options.outDataType = model.subgraphs[0].tensors[operator.outputs[0]].type
    return options


def _kind(model: Any, operator: Any) -> str:
    return _KINDS[model.operatorCodes[operator.opcodeIndex].builtinCode]


def _needed(steps: list[Step], outputs: tuple[int, ...]) -> tuple[Step, ...]:
    """Return the steps that the outputs need, without those that only work out a form."""
    wanted, found = set(outputs), []
    for step in reversed(steps):
        if wanted & set(step.outputs):
            found.append(step)
            wanted |= set(step.inputs[:1] if step.kind in _BY_FORM else step.inputs)
    return tuple(reversed(found))


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(map(int, tensor.shape)) if tensor.shape is not None else ()


def _values(model: Any, tensor: Any) -> NDArray[Any] | None:
    data = model.buffers[tensor.buffer].data
    if data is None or not len(data) or tensor.type not in _DTYPES:
        return None
    return np.frombuffer(np.asarray(data, np.uint8).tobytes(), _DTYPES[tensor.type]).reshape(_shape(tensor))


def _quantized(
    content: bytes, steps: list[Step], in_float: Collection[str]
) -> tuple[dict[int, Quant], dict[int, int | None]]:
    """Return the scaling that each tensor gets, and the axis of the scales of each that has several."""
    after = unpack(quantize(content, io="int8", in_float=in_float))
    tensors = after.subgraphs[0].tensors
    made = [step for step in _steps(after) if step.kind not in _BETWEEN]
    before = [step for step in steps if step.kind not in _BETWEEN]
    if [step.kind for step in made] != [step.kind for step in before]:
        raise ConversionError("the quantizer changes the model's operators; it cannot be trained for 8 bits")
    quants: dict[int, Quant] = {}
    axes: dict[int, int | None] = {}
    for old, new in zip(before, made, strict=True):
        # Outputs last: what an operator makes has its own scale, which a reader may have changed on the way.
        for i, j in zip((*old.inputs, *old.outputs), (*new.inputs, *new.outputs), strict=False):
            if i < 0 or j < 0 or tensors[j].type != schema.TensorType.INT8:
                continue
            scaling = tensors[j].quantization
            axes[i] = scaling.quantizedDimension if scaling.zeroPoint.any() == 0 and i in _kernels(old) else None
            quants[i] = Quant(float(scaling.scale[0]), int(scaling.zeroPoint[0]))
    return quants, axes


def _kernels(step: Step) -> tuple[int, ...]:
    return (step.inputs[WEIGHTED[step.kind][0]],) if step.kind in WEIGHTED else ()


def _grouped(steps: tuple[Step, ...], activations: Mapping[int, Quant]) -> dict[int, int]:
    """Return the group of each activation, by the least of its tensors."""
    groups = {i: i for i in activations}
    for step in steps:
        if step.kind not in _ONE_SCALE:
            continue
        together = {groups[i] for i in (*step.inputs, *step.outputs) if i in groups}
        groups = {i: min(together) if group in together else group for i, group in groups.items()}
    return groups


def _ranges(groups: Mapping[int, int], activations: Mapping[int, Quant]) -> dict[int, Range]:
    """Return the range of each group: one that holds those of all its tensors."""
    ranges: dict[int, Range] = {}
    for i, group in groups.items():
        low, high = limits_of(activations[i])
        before = ranges.get(group, (0.0, 0.0))
        ranges[group] = min(before[0], low), max(before[1], high)
    return ranges


def with_numbers(program: Program, constants: Mapping[int, NDArray[np.float32]], ranges: Mapping[int, Range]) -> bytes:
    """Return the program's file with other values of constants, and other ranges of groups."""
    model = unpack(program.content)
    for i, values in constants.items():
        buffer = model.buffers[model.subgraphs[0].tensors[i].buffer]
        buffer.data = np.frombuffer(np.ascontiguousarray(values, np.float32).tobytes(), np.uint8)
    return with_ranges(pack(model), {i: ranges[group] for i, group in program.groups.items()})


def weights(program: Program) -> Iterator[int]:
    """Yield the constants to train: kernels, biases, and the vectors that elementwise operators behind them take."""
    behind: set[int] = set()
    seen: set[int] = set()
    for step in program.steps:
        own = set(step.inputs) & program.constants.keys()
        if step.kind in WEIGHTED:
            trained = {step.inputs[i] for i in WEIGHTED[step.kind] if i < len(step.inputs)} & own
        elif step.kind in ("ADD", "MUL", "PRELU", "SUB") and set(step.inputs) & behind:
            trained = {i for i in own if program.constants[i].size > 1}
        else:
            trained = set()
        if step.kind in WEIGHTED or set(step.inputs) & behind:
            behind |= set(step.outputs)
        yield from sorted(trained - seen)
        seen |= trained
