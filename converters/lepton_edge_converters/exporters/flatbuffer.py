"""Changes to a finished TFLite file: names of its ends, and our card in its metadata."""

from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from lepton_edge_converters.errors import ConversionError
from lepton_edge_runtime.formats import CARD_KEY

# Weights are read in place by vector instructions; the TFLite schema asks for this alignment.
_BUFFER_ALIGNMENT = 16


def rename_ends(content: bytes, inputs: list[str], outputs: list[str]) -> bytes:
    """Return the file with ``input_0`` … and ``output_0`` … of its signature called by these names.

    Tensors and signature are both renamed, so that a reader of either finds the model's own names.
    """
    model = _unpack(content)
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
    return _pack(model)


def embed_card(content: bytes, card: bytes) -> bytes:
    """Return the file with our card in its metadata, instead of one that it may have had."""
    model = _unpack(content)
    model.metadata = [entry for entry in model.metadata or [] if entry.name != CARD_KEY.encode()]
    buffer = schema.BufferT()
    buffer.data = list(card)
    entry = schema.MetadataT()
    entry.name = CARD_KEY.encode()
    entry.buffer = len(model.buffers)
    model.buffers.append(buffer)
    model.metadata.append(entry)
    return _pack(model)


def _unpack(content: bytes) -> Any:
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))


def _pack(model: Any) -> bytes:
    builder = _AligningBuilder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


class _AligningBuilder(flatbuffers.Builder):  # type: ignore[misc]  # flatbuffers ships no types
    """Aligns byte vectors: the generated code packs a model's buffers without."""

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:  # noqa: N802, N803 - its own name
        """Begin a vector, aligned as weights must be if it holds bytes."""
        return super().StartVector(elemSize, numElems, _BUFFER_ALIGNMENT if elemSize == 1 else alignment)
