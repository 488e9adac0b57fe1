"""An ONNX file's ends, operators and metadata, by a walk over its protobuf fields.

The device has no ``onnx`` package, and needs none for what is asked here. Field numbers are those of
onnx.proto3. The file may be hostile: lengths are checked, depth and number of fields bounded, and weights
that lie in other files are refused wherever they are named.
"""

from dataclasses import dataclass, field

from lepton_edge_runtime.errors import ModelFileError
from lepton_edge_runtime.formats import CARD_KEY, OPERATORS_MAX, ModelFile, Operator, end_obstacles
from lepton_edge_runtime.formats.protobuf import Message, Walk
from lepton_edge_runtime.formats.ultralytics import read_properties
from lepton_edge_runtime.tensors import OPEN, TensorSpec

_MODEL_IR, _MODEL_GRAPH, _MODEL_OPSET, _MODEL_METADATA, _MODEL_TRAINING, _MODEL_FUNCTION = 1, 7, 8, 14, 20, 25
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_SPARSE = 1, 5, 11, 12, 15
_NODE_INPUT, _NODE_OUTPUT, _NODE_KIND, _NODE_ATTRIBUTE, _NODE_DOMAIN = 1, 2, 4, 5, 7
_ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS, _ATTRIBUTE_SPARSE = {5, 10}, {6, 11}, {22, 23}
_TENSOR_NAME, _TENSOR_EXTERNAL, _TENSOR_LOCATION, _LOCATION_INSIDE = 8, 13, 14, 0
_FUNCTION_NAME, _FUNCTION_NODE, _FUNCTION_DOMAIN, _FUNCTION_DEFAULTS = 1, 7, 10, 11
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_END_NAME, _END_TYPE = 1, 2
_TYPE_TENSOR, _TENSOR_TYPE, _TENSOR_SHAPE, _SHAPE_AXIS, _AXIS_SIZE = 1, 1, 2, 1, 1

_STANDARD_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}
_DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string", 9: "bool",
    10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128", 16: "bfloat16",
}  # fmt: skip
_OTHER_TYPES = {4: "sequence", 5: "map", 8: "sparse tensor", 9: "optional"}
_ORT_FORMAT = b"ORTM"
_DEPTH_MAX = 16
_TEXT_BYTES_MAX = 10_000


def read_onnx(data: bytes) -> ModelFile:
    """Return what an ONNX file says of itself.

    Raises:
        ModelFileError: The bytes are no ONNX file, or its weights lie in other files.
    """
    if data[4:8] == _ORT_FORMAT:
        # By these bytes ONNX Runtime takes a file for its own format, whatever else it may be.
        raise ModelFileError("this is no ONNX file, but one in ONNX Runtime's own format; only ONNX files are read")
    reader = _Reader()
    try:
        reader.model(memoryview(data))
    except (IndexError, UnicodeDecodeError) as broken:
        raise ModelFileError(f"this is no ONNX file, or a broken one: {broken}") from broken
    if reader.graphs != 1:
        raise ModelFileError("this is no ONNX file: it holds no graph")
    # Files from before IR version 4 list their weights among the inputs.
    inputs = tuple(spec for spec in reader.inputs if spec.name not in reader.initializers)
    outputs = tuple(reader.outputs)
    card = reader.properties.pop(CARD_KEY, None)
    return ModelFile(
        operators=tuple(operator for operator, _ in reader.operators),
        inputs=inputs,
        outputs=outputs,
        card=bytes(card) if card is not None else None,
        hints=read_properties({key: bytes(value) for key, value in reader.properties.items()}),
        obstacles=(*_custom_obstacles(reader), *end_obstacles(inputs, outputs)),
        versions=reader.versions,
    )


def _custom_obstacles(reader: "_Reader") -> list[str]:
    unknown = {
        operator.kind: domain
        for operator, domain in (*reader.operators, *reader.inner)
        if operator.custom and f"{domain}:{operator.kind}" not in reader.functions
    }
    return [
        f"the operator {kind!r} of the domain {domain!r} is no standard one, and ONNX Runtime has no kernel for it; "
        "export the model without it"
        for kind, domain in unknown.items()
    ]


@dataclass(slots=True)
class _Reader:
    """What has been gathered of a file; operators with their domain, those of nested graphs and functions apart."""

    walk: Walk = field(default_factory=Walk)
    graphs: int = 0
    versions: dict[str, int] = field(default_factory=dict)
    properties: dict[str, Message] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)
    operators: list[tuple[Operator, str]] = field(default_factory=list)
    inner: list[tuple[Operator, str]] = field(default_factory=list)
    initializers: set[str] = field(default_factory=set)
    inputs: list[TensorSpec] = field(default_factory=list)
    outputs: list[TensorSpec] = field(default_factory=list)

    def model(self, message: Message) -> None:
        """Gather a whole model."""
        for number, value in self.walk.fields(message):
            if isinstance(value, int):
                if number == _MODEL_IR:
                    self.versions["IR"] = value
            elif number == _MODEL_GRAPH:
                self.graphs += 1
                self._graph(value, depth=0)
            elif number == _MODEL_OPSET:
                self._opset(value)
            elif number == _MODEL_METADATA:
                key, text = self._entry(value)
                self.properties[key] = text
            elif number == _MODEL_FUNCTION:
                self._function(value)
            elif number == _MODEL_TRAINING:
                for _, part in self.walk.messages(value):
                    self._graph(part, depth=1)

    def _graph(self, message: Message, *, depth: int) -> None:
        """Gather a graph's nodes, ends and names of weights; nested graphs give their operators only."""
        if depth > _DEPTH_MAX:
            raise ModelFileError(f"the ONNX file nests graphs more than {_DEPTH_MAX} deep")
        for number, value in self.walk.messages(message):
            if number == _GRAPH_NODE:
                self._node(value, depth)
            elif number == _GRAPH_INITIALIZER:
                name = self._tensor(value)
                self.initializers |= set() if depth else {name}
            elif number == _GRAPH_SPARSE:
                self._sparse(value)
            elif number in (_GRAPH_INPUT, _GRAPH_OUTPUT) and not depth:
                ends = self.inputs if number == _GRAPH_INPUT else self.outputs
                ends.append(self._end(value))
                if len(ends) > OPERATORS_MAX:
                    raise ModelFileError(f"the ONNX file has more than {OPERATORS_MAX} inputs or outputs")

    def _opset(self, message: Message) -> None:
        domain, version = "", 0
        for number, value in self.walk.fields(message):
            if number == _OPSET_DOMAIN and not isinstance(value, int):
                domain = _text(value)
            elif number == _OPSET_VERSION and isinstance(value, int):
                version = value
        self.versions[domain or "ai.onnx"] = version

    def _entry(self, message: Message) -> tuple[str, Message]:
        key, text = "", memoryview(b"")
        for number, value in self.walk.messages(message):
            if number == _ENTRY_KEY:
                key = _text(value)
            elif number == _ENTRY_VALUE:
                text = value
        return key, text

    def _function(self, message: Message) -> None:
        """Gather a function that the file itself defines."""
        name = domain = ""
        for number, value in self.walk.messages(message):
            if number == _FUNCTION_NAME:
                name = _text(value)
            elif number == _FUNCTION_DOMAIN:
                domain = _text(value)
            elif number == _FUNCTION_NODE:
                self._node(value, 1)
            elif number == _FUNCTION_DEFAULTS:
                self._attribute(value, 1)
        self.functions.add(f"{domain}:{name}")

    def _node(self, message: Message, depth: int) -> None:
        kind = domain = ""
        inputs: list[str] = []
        outputs: list[str] = []
        for number, value in self.walk.messages(message):
            if number == _NODE_KIND:
                kind = _text(value)
            elif number == _NODE_DOMAIN:
                domain = _text(value)
            elif number == _NODE_INPUT:
                inputs.append(_text(value))
            elif number == _NODE_OUTPUT:
                outputs.append(_text(value))
            elif number == _NODE_ATTRIBUTE:
                self._attribute(value, depth)
        custom = domain not in _STANDARD_DOMAINS
        operator = Operator(kind=kind, custom=custom, inputs=tuple(inputs), outputs=tuple(outputs))
        (self.inner if depth else self.operators).append((operator, domain))
        if len(self.operators) + len(self.inner) > OPERATORS_MAX:
            raise ModelFileError(f"the ONNX file has more than {OPERATORS_MAX} operators")

    def _attribute(self, message: Message, depth: int) -> None:
        for number, value in self.walk.messages(message):
            if number in _ATTRIBUTE_TENSORS:
                self._tensor(value)
            elif number in _ATTRIBUTE_SPARSE:
                self._sparse(value)
            elif number in _ATTRIBUTE_GRAPHS:
                self._graph(value, depth=depth + 1)

    def _sparse(self, message: Message) -> None:
        for _, value in self.walk.messages(message):
            self._tensor(value)

    def _tensor(self, message: Message) -> str:
        """Return a constant's name; refuse one whose values lie in another file."""
        name = where = ""
        external = False
        for number, value in self.walk.fields(message):
            if isinstance(value, int):
                external |= number == _TENSOR_LOCATION and value != _LOCATION_INSIDE
            elif number == _TENSOR_NAME:
                name = _text(value)
            elif number == _TENSOR_EXTERNAL:
                external = True
                key, text = self._entry(value)
                where = _text(text) if key == "location" else where
        if external:
            raise ModelFileError(
                f"the ONNX file keeps the weights {name!r} outside itself, in {where!r}; only files that are whole are "
                "read: save the model with its weights inside"
            )
        return name

    def _end(self, message: Message) -> TensorSpec:
        name, dtype = "", "tensor of no type"
        shape: tuple[int, ...] = ()
        for number, value in self.walk.messages(message):
            if number == _END_NAME:
                name = _text(value)
            elif number == _END_TYPE:
                dtype, shape = self._type(value)
        return TensorSpec(name=name, dtype=dtype, shape=shape)  # type: ignore[arg-type]  # others are shown, never run

    def _type(self, message: Message) -> tuple[str, tuple[int, ...]]:
        dtype = "tensor of no type"
        shape: tuple[int, ...] = (OPEN,)  # without a shape even the number of axes is open
        for number, value in self.walk.messages(message):
            if number != _TYPE_TENSOR:
                return _OTHER_TYPES.get(number, f"type {number}"), ()
            for part, content in self.walk.fields(value):
                if part == _TENSOR_TYPE and isinstance(content, int):
                    dtype = _DTYPES.get(content, f"type {content}")
                elif part == _TENSOR_SHAPE and not isinstance(content, int):
                    shape = tuple(self._axis(axis) for one, axis in self.walk.messages(content) if one == _SHAPE_AXIS)
        return dtype, shape

    def _axis(self, message: Message) -> int:
        size = OPEN
        for number, value in self.walk.fields(message):
            if number == _AXIS_SIZE and isinstance(value, int):
                size = value if 0 < value < 1 << 31 else OPEN
        return size


def _text(value: Message) -> str:
    if len(value) > _TEXT_BYTES_MAX:
        raise IndexError(f"a name of {len(value)} bytes")
    return str(value, "utf-8")
