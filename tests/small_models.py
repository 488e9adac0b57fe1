"""Small TFLite and ONNX files, made here: what other people's files look like, and what cannot be served."""

from dataclasses import dataclass, field

import numpy as np

_DTYPES = {"float32": 0, "int32": 2, "uint8": 3, "int64": 4, "string": 5, "int8": 9, "resource": 13}


@dataclass
class Tensor:
    name: str
    shape: tuple
    dtype: str = "float32"
    quant: tuple | None = None
    signature: tuple | None = None
    constant: np.ndarray | None = None
    variable: bool = False


@dataclass
class TfliteFile:
    """A TFLite file in the making: operators are (kind, inputs, outputs); unknown kinds are custom ones."""

    tensors: list = field(default_factory=lambda: [Tensor("x", (1, 4)), Tensor("y", (1, 4))])
    operators: list = field(default_factory=lambda: [("SOFTMAX", ["x"], ["y"])])
    inputs: tuple = ("x",)
    outputs: tuple = ("y",)
    metadata: dict = field(default_factory=dict)

    def build(self) -> bytes:
        from lepton_edge_converters.exporters.flatbuffer import pack

        return pack(self.model())

    def model(self):
        from ai_edge_litert import schema_py_generated as schema

        names = [tensor.name for tensor in self.tensors]
        model, graph = schema.ModelT(), schema.SubGraphT()
        model.version, model.buffers, model.operatorCodes, model.subgraphs = 3, [schema.BufferT()], [], [graph]
        graph.tensors = [self._tensor(schema, model, tensor) for tensor in self.tensors]
        graph.inputs = [names.index(name) for name in self.inputs]
        graph.outputs = [names.index(name) for name in self.outputs]
        graph.operators = []
        for kind, inputs, outputs in self.operators:
            code = schema.OperatorCodeT()
            code.version = 1
            code.builtinCode = getattr(schema.BuiltinOperator, kind, schema.BuiltinOperator.CUSTOM)
            code.deprecatedBuiltinCode = min(code.builtinCode, 127)
            code.customCode = None if hasattr(schema.BuiltinOperator, kind) else kind.encode()
            operator = schema.OperatorT()
            operator.opcodeIndex = len(model.operatorCodes)
            operator.inputs = [names.index(name) for name in inputs]
            operator.outputs = [names.index(name) for name in outputs]
            if kind == "SOFTMAX":
                operator.builtinOptionsType = schema.BuiltinOptions.SoftmaxOptions
                operator.builtinOptions = schema.SoftmaxOptionsT()
                operator.builtinOptions.beta = 1.0
            if kind == "FULLY_CONNECTED":
                operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
                operator.builtinOptions = schema.FullyConnectedOptionsT()
            model.operatorCodes.append(code)
            graph.operators.append(operator)
        model.metadata = []
        for name, content in self.metadata.items():
            entry = schema.MetadataT()
            entry.name, entry.buffer = name.encode(), len(model.buffers)
            model.metadata.append(entry)
            model.buffers.append(_buffer(schema, content))
        return model

    @staticmethod
    def _tensor(schema, model, tensor):
        made = schema.TensorT()
        made.name, made.shape, made.type = tensor.name.encode(), list(tensor.shape), _DTYPES[tensor.dtype]
        made.isVariable = tensor.variable
        made.shapeSignature = list(tensor.signature) if tensor.signature else None
        made.buffer = 0
        if tensor.constant is not None:
            made.buffer = len(model.buffers)
            model.buffers.append(_buffer(schema, tensor.constant.tobytes()))
        if tensor.quant:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale, made.quantization.zeroPoint = [tensor.quant[0]], [tensor.quant[1]]
        return made


def _buffer(schema, content):
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(content, np.uint8)
    return buffer


def picture_classifier(size=8, classes=3, dtype="float32", quant=None) -> TfliteFile:
    """A picture to ``classes`` probabilities: reshape, fully connected, softmax; weights are seeded noise."""
    pixels = size * size * 3
    weights = np.random.default_rng(0).standard_normal((classes, pixels)).astype(np.float32) / 8
    shape = np.array([1, pixels], np.int32)
    tensors = [
        Tensor("picture", (1, size, size, 3), dtype, quant),
        Tensor("shape", (2,), "int32", constant=shape),
        Tensor("real", (1, size, size, 3)),
        Tensor("flat", (1, pixels)),
        Tensor("weights", (classes, pixels), constant=weights),
        Tensor("scores", (1, classes)),
        Tensor("probabilities", (1, classes)),
    ]
    operators = [
        ("RESHAPE", ["picture" if dtype == "float32" else "real", "shape"], ["flat"]),
        ("FULLY_CONNECTED", ["flat", "weights"], ["scores"]),
        ("SOFTMAX", ["scores"], ["probabilities"]),
    ]
    if dtype != "float32":
        operators.insert(0, ("DEQUANTIZE", ["picture"], ["real"]))
    return TfliteFile(tensors, operators, ("picture",), ("probabilities",))


def onnx_model(nodes=None, inputs=None, outputs=None, initializers=(), *, opset=17, ir=8, metadata=None, imports=()):
    """An ONNX model of these nodes; a Softmax over a row of four by default."""
    from onnx import TensorProto, helper

    nodes = nodes or [helper.make_node("Softmax", ["x"], ["y"])]
    inputs = inputs or [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])]
    outputs = outputs or [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])]
    graph = helper.make_graph(nodes, "small", inputs, outputs, list(initializers))
    sets = [helper.make_opsetid("", opset), *(helper.make_opsetid(name, 1) for name in imports)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=ir)
    for key, value in (metadata or {}).items():
        model.metadata_props.add(key=key, value=value)
    return model


def onnx_picture_classifier(*, size=(8, 8), classes=3):
    """A planar picture to ``classes`` probabilities; ``size`` may hold names of open axes."""
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(0).standard_normal((classes, 3)).astype(np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["picture"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights"], ["scores"], transB=1),
        helper.make_node("Softmax", ["scores"], ["probabilities"]),
    ]
    return onnx_model(
        nodes,
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["batch", 3, *size])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", classes])],
        [numpy_helper.from_array(weights, "weights")],
    )


def tflite_metadata(*, name="Small", labels_file="labels.txt", mean=(127.5,), std=(127.5,)) -> bytes:
    """TFLite Metadata of one picture input and one output with labels, written field by field."""
    import flatbuffers

    builder = flatbuffers.Builder(512)

    def table(fields, *, slots):
        builder.StartObject(slots)
        for slot, (kind, value) in fields.items():
            if kind == "offset":
                builder.PrependUOffsetTRelativeSlot(slot, value, 0)
            else:
                builder.PrependUint8Slot(slot, value, 0)
        return builder.EndObject()

    def vector(items, prepend):
        builder.StartVector(4, len(items), 4)
        for item in reversed(items):
            prepend(item)
        return builder.EndVector()

    def tables(*items):
        return vector(items, builder.PrependUOffsetTRelative)

    numbers = [vector(values, builder.PrependFloat32) for values in (mean, std)]
    normalization = table({0: ("offset", numbers[0]), 1: ("offset", numbers[1])}, slots=2)
    unit = tables(table({0: ("byte", 1), 1: ("offset", normalization)}, slots=2))
    image = table({0: ("byte", 1)}, slots=2)
    content = table({0: ("byte", 2), 1: ("offset", image)}, slots=3)
    file_name = builder.CreateString(labels_file)
    files = tables(table({0: ("offset", file_name), 2: ("byte", 2)}, slots=4))
    inputs = tables(table({3: ("offset", content), 4: ("offset", unit)}, slots=7))
    outputs = tables(table({6: ("offset", files)}, slots=7))
    graphs = tables(table({2: ("offset", inputs), 3: ("offset", outputs)}, slots=5))
    title = builder.CreateString(name)
    builder.Finish(table({0: ("offset", title), 3: ("offset", graphs)}, slots=8), file_identifier=b"M001")
    return bytes(builder.Output())


def with_files(content: bytes, files: dict, *, compressed=False, comment=b"") -> bytes:
    """The model with an archive of files behind it: labels stored, by TFLite Metadata; compressed, by Ultralytics."""
    import io
    import zipfile

    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as archive:
        archive.comment = comment
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def repetitive_tflite(*, graphs=1, tensors=1, operators=0, ends=1, name="x", custom="") -> bytes:
    """A small TFLite file that names the same table many times: offsets may lead to one place as often as they like."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    builder = flatbuffers.Builder(1024)

    def vector(items, prepend, width=4):
        builder.StartVector(width, len(items), width)
        for item in reversed(items):
            prepend(item)
        return builder.EndVector()

    name, code_name = builder.CreateString(name), builder.CreateString(custom) if custom else None
    shape, first = vector([1, 4], builder.PrependInt32), vector([0], builder.PrependInt32)
    many = vector([0] * ends, builder.PrependInt32)
    schema.TensorStart(builder)
    schema.TensorAddShape(builder, shape)
    schema.TensorAddName(builder, name)
    tensor = schema.TensorEnd(builder)
    schema.OperatorCodeStart(builder)
    schema.OperatorCodeAddBuiltinCode(builder, schema.BuiltinOperator.CUSTOM if custom else schema.BuiltinOperator.RELU)
    if custom:
        schema.OperatorCodeAddCustomCode(builder, code_name)
    code = schema.OperatorCodeEnd(builder)
    schema.OperatorStart(builder)
    schema.OperatorAddInputs(builder, many)
    schema.OperatorAddOutputs(builder, first)
    operator = schema.OperatorEnd(builder)
    tables = builder.PrependUOffsetTRelative
    all_tensors, all_operators = vector([tensor] * tensors, tables), vector([operator] * operators, tables)
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, all_tensors)
    schema.SubGraphAddInputs(builder, first)
    schema.SubGraphAddOutputs(builder, first)
    schema.SubGraphAddOperators(builder, all_operators)
    graph = schema.SubGraphEnd(builder)
    schema.BufferStart(builder)
    buffers = vector([schema.BufferEnd(builder)], tables)
    codes, all_graphs = vector([code], tables), vector([graph] * graphs, tables)
    schema.ModelStart(builder)
    schema.ModelAddVersion(builder, 3)
    schema.ModelAddOperatorCodes(builder, codes)
    schema.ModelAddSubgraphs(builder, all_graphs)
    schema.ModelAddBuffers(builder, buffers)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def repetitive_metadata(*, inputs=1, units=0, files=0) -> bytes:
    """TFLite Metadata that name the same tables many times."""
    import flatbuffers

    builder = flatbuffers.Builder(1024)

    def table(fields):
        builder.StartObject(8)
        for slot, offset in fields.items():
            builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
        return builder.EndObject()

    def tables(item, count):
        builder.StartVector(4, count, 4)
        for _ in range(count):
            builder.PrependUOffsetTRelative(item)
        return builder.EndVector()

    empty = table({})
    tensor = table({4: tables(empty, units), 6: tables(empty, files)})
    ends = tables(tensor, inputs)
    builder.Finish(table({3: tables(table({2: ends, 3: ends}), 1)}), file_identifier=b"M001")
    return bytes(builder.Output())


def varint(number):
    written = b""
    while number > 127:
        written += bytes([number & 127 | 128])
        number >>= 7
    return written + bytes([number])


def field(number, content, *, high=0):
    """A length-delimited field of a message; ``high`` is added to its tag above 32 bits, which engines drop."""
    return varint((number << 3 | 2) + (high << 32)) + varint(len(content)) + content


def peeping_model(where, *, high=0):
    """An ONNX model that answers with bytes of another file: 64 of them are its constant, and are picked by index."""
    from onnx import TensorProto, helper

    ends = [
        helper.make_tensor_value_info(name, kind, [1, 4])
        for name, kind in (("x", TensorProto.INT64), ("y", TensorProto.UINT8))
    ]
    model = onnx_model([helper.make_node("Gather", ["weights", "x"], ["y"])], ends[:1], ends[1:])
    graph = model.graph.SerializeToString()
    model.ClearField("graph")
    entries = {b"location": where.encode(), b"offset": b"0", b"length": b"64"}
    tensor = TensorProto(name="weights", data_type=TensorProto.UINT8, dims=[64]).SerializeToString()
    for key, value in entries.items():
        tensor += field(13, field(1, key) + field(2, value), high=high)
    tensor += varint((14 << 3) + (high << 32)) + b"\1"
    return model.SerializeToString() + field(7, graph + field(5, tensor))
