"""An ONNX file's operators and metadata, by a walk over its protobuf fields.

The device has no ``onnx`` package; names of operators and one metadata entry need none. Field numbers
are those of onnx.proto3 (ModelProto, GraphProto, NodeProto, StringStringEntryProto).
"""

from collections.abc import Iterator

from lepton_edge_runtime.errors import ModelFileError
from lepton_edge_runtime.formats import CARD_KEY, ModelFile, Operator

_MODEL_GRAPH, _MODEL_METADATA = 7, 14
_GRAPH_NODE = 1
_NODE_OUTPUT, _NODE_KIND, _NODE_DOMAIN = 2, 4, 7
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_STANDARD_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}


def read_onnx(data: bytes) -> ModelFile:
    """Return what an ONNX file says of itself; its ends are known to the engine that opens it.

    Raises:
        ModelFileError: The bytes are no ONNX file.
    """
    operators: list[Operator] = []
    card = None
    graphs = 0
    try:
        for number, value in _fields(memoryview(data)):
            if number == _MODEL_GRAPH:
                graphs += 1
                operators += [_operator(node) for field, node in _fields(value) if field == _GRAPH_NODE]
            elif number == _MODEL_METADATA:
                entry = dict(_fields(value))
                if bytes(entry.get(_ENTRY_KEY, b"")) == CARD_KEY.encode():
                    card = bytes(entry.get(_ENTRY_VALUE, b""))
    except (IndexError, UnicodeDecodeError) as broken:
        raise ModelFileError("this is no ONNX file, or a broken one") from broken
    if graphs != 1:
        raise ModelFileError("this is no ONNX file: it holds no graph")
    return ModelFile(operators=tuple(operators), card=card)


def _operator(node: memoryview) -> Operator:
    kind = domain = output = ""
    for number, value in _fields(node):
        if number == _NODE_KIND:
            kind = bytes(value).decode()
        elif number == _NODE_DOMAIN:
            domain = bytes(value).decode()
        elif number == _NODE_OUTPUT and not output:
            output = bytes(value).decode()
    return Operator(kind=kind, custom=domain not in _STANDARD_DOMAINS, output=output)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield the number and content of each length-delimited field; other kinds are stepped over."""
    position, end = 0, len(message)
    while position < end:
        tag, position = _varint(message, position)
        wire = tag & 7
        if wire == 0:
            _, position = _varint(message, position)
        elif wire in (1, 5):
            position += 8 if wire == 1 else 4
        elif wire == 2:
            length, position = _varint(message, position)
            if position + length > end:
                raise IndexError("a field reaches past the end")
            yield tag >> 3, message[position : position + length]
            position += length
        else:
            raise IndexError(f"wire type {wire}")


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise IndexError("a number of more than 64 bits")
