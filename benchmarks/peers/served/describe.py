"""Gives a TFLite file the metadata without which Google's task libraries refuse it; run in MediaPipe's environment.

``python -m benchmarks.peers.served.describe IN OUT``: a picture goes in, red first, as bytes or the same numbers.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import flatbuffers
from mediapipe.tasks.metadata import metadata_schema_py_generated as meta
from mediapipe.tasks.metadata import schema_py_generated as schema

_NAME = b"TFLITE_METADATA"


def described(content: bytes) -> bytes:
    """Return the same model with metadata."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = _packed(_about(), b"M001")
    entry.name, entry.buffer = _NAME, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(one for one in model.metadata or [] if one.name != _NAME), entry]
    return _packed(model, b"TFL3")


def _about() -> Any:
    about, graph = meta.ModelMetadataT(), meta.SubGraphMetadataT()
    graph.inputTensorMetadata = [_picture()]
    about.subgraphMetadata = [graph]
    return about


def _picture() -> Any:
    options, unit = meta.NormalizationOptionsT(), meta.ProcessUnitT()
    options.mean, options.std = [0.0], [1.0]
    unit.optionsType, unit.options = meta.ProcessUnitOptions.NormalizationOptions, options
    properties, content = meta.ImagePropertiesT(), meta.ContentT()
    properties.colorSpace = meta.ColorSpaceType.RGB
    content.contentPropertiesType, content.contentProperties = meta.ContentProperties.ImageProperties, properties
    picture = meta.TensorMetadataT()
    picture.content, picture.processUnits = content, [unit]
    return picture


def _packed(table: Any, identifier: bytes) -> bytes:
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(table.Pack(builder), file_identifier=identifier)
    return bytes(builder.Output())


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(described(Path(sys.argv[1]).read_bytes()))
