"""Changes to a finished TFLite file: names of its ends, and our card in its metadata."""

from copy import copy
from math import prod
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from lepton_edge_converters.errors import ConversionError
from lepton_edge_runtime.formats import CARD_KEY

# Weights are read in place by vector instructions; the TFLite schema asks for this alignment.
_BUFFER_ALIGNMENT = 16


def rename_ends(content: bytes, inputs: list[str], outputs: list[str]) -> bytes:
    """Return the file with ``input_0`` … and ``output_0`` … of its signature called by these names.

    Tensors and signature are both renamed, so that a reader of either finds the model's own names.
    """
    model = unpack(content)
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    for kind, maps, names in (("input", signature.inputs, inputs), ("output", signature.outputs, outputs)):
        for entry in maps:
            name = names[int(entry.name.decode().removeprefix(f"{kind}_"))]
            entry.name = name.encode()
            graph.tensors[entry.tensorIndex].name = name.encode()
    for kind, indices, names in (("input", graph.inputs, inputs), ("output", graph.outputs, outputs)):
        found = {graph.tensors[i].name.decode() for i in indices}
        if found != set(names):
            lost = ", ".join(sorted(set(names) - found))
            raise ConversionError(
                f"the {kind} {lost} got lost on the way: the model does not use it, or passes it through"
            )
    return pack(model)


def embed_card(content: bytes, card: bytes) -> bytes:
    """Return the file with our card in its metadata, instead of one that it may have had."""
    model = unpack(content)
    model.metadata = [entry for entry in model.metadata or [] if entry.name != CARD_KEY.encode()]
    buffer = schema.BufferT()
    buffer.data = list(card)
    entry = schema.MetadataT()
    entry.name = CARD_KEY.encode()
    entry.buffer = len(model.buffers)
    model.buffers.append(buffer)
    model.metadata.append(entry)
    return pack(model)


def without_metadata(content: bytes, name: str) -> bytes:
    """Return the file without an entry of its metadata, and without the entry's buffer if that is the last."""
    model = unpack(content)
    gone = [entry for entry in model.metadata or [] if entry.name == name.encode()]
    model.metadata = [entry for entry in model.metadata or [] if entry not in gone]
    for entry in gone:
        if entry.buffer == len(model.buffers) - 1:
            model.buffers.pop()
    return pack(model)


def flatten_before_dense(content: bytes) -> bytes:
    """Return the file with a RESHAPE before each FULLY_CONNECTED that flattens its input by itself.

    The two are the same; tf2onnx loses the bias of the second.
    """
    model = unpack(content)
    for graph in model.subgraphs:
        operators = []
        for operator in graph.operators:
            if _flattens(model, graph, operator):
                operators.append(_insert_reshape(model, graph, operator))
            operators.append(operator)
        graph.operators = operators
    return pack(model)


def _flattens(model: Any, graph: Any, operator: Any) -> bool:
    code = model.operatorCodes[operator.opcodeIndex].builtinCode
    if code != schema.BuiltinOperator.FULLY_CONNECTED or operator.builtinOptions.keepNumDims:
        return False
    return len(graph.tensors[operator.inputs[0]].shape) != 2


def _insert_reshape(model: Any, graph: Any, dense: Any) -> Any:
    """Return a RESHAPE to two axes in front of ``dense``, which now reads what it makes."""
    before = graph.tensors[dense.inputs[0]]
    size = int(graph.tensors[dense.inputs[1]].shape[1])
    flat = copy(before)
    flat.name = before.name + b"/flat"
    flat.shape = np.array([prod(int(n) for n in before.shape) // size, size], np.int32)
    free = before.shapeSignature is not None and min(before.shapeSignature) < 0
    wanted = np.array([-1, size], np.int32) if free else flat.shape
    flat.shapeSignature = wanted if free else None
    shape = schema.TensorT()
    shape.name, shape.type, shape.shape = flat.name + b"/shape", schema.TensorType.INT32, np.array([2], np.int32)
    shape.buffer = len(model.buffers)
    shape_content = schema.BufferT()
    shape_content.data = np.frombuffer(wanted.tobytes(), np.uint8)
    model.buffers.append(shape_content)
    flat.buffer = 0  # TFLite's empty buffer: computed, not stored
    graph.tensors += [flat, shape]
    reshape = schema.OperatorT()
    reshape.opcodeIndex = operator_code(model, schema.BuiltinOperator.RESHAPE)
    reshape.inputs = np.array([dense.inputs[0], len(graph.tensors) - 1], np.int32)
    reshape.outputs = np.array([len(graph.tensors) - 2], np.int32)
    reshape.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
    reshape.builtinOptions = schema.ReshapeOptionsT()
    reshape.builtinOptions.newShape = wanted
    dense.inputs = np.array([reshape.outputs[0], *dense.inputs[1:]], np.int32)
    return reshape


def operator_code(model: Any, kind: int, *, version: int = 1) -> int:
    """Return the place of an operator in the file's list, where it is put if it is not there yet."""
    for i, code in enumerate(model.operatorCodes):
        if code.builtinCode == kind and code.version >= version:
            return i
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = kind
    code.version = version
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def unpack(content: bytes) -> Any:
    """Return a file as the objects of its schema."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))


def pack(model: Any) -> bytes:
    """Return the file that these objects make."""
    builder = _AligningBuilder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


class _AligningBuilder(flatbuffers.Builder):  # type: ignore[misc]  # flatbuffers ships no types
    """Aligns byte vectors: the generated code packs a model's buffers without."""

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:  # noqa: N802, N803 - its own name
        """Begin a vector, aligned as weights must be if it holds bytes."""
        return super().StartVector(elemSize, numElems, _BUFFER_ALIGNMENT if elemSize == 1 else alignment)
