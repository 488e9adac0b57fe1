"""A finished file's weights: how many are zero, and how much of the file is left once it is packed for a download."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FLOATS = {"FLOAT32": "<f4", "FLOAT16": "<f2", "INT8": "i1", "UINT8": "u1"}  # TFLite's names, numpy's


@dataclass(frozen=True, slots=True)
class FileWeights:
    """What a file holds.

    Attributes:
        zeros: Share of its weights that are zero, 0 to 1: of constants of two axes and more, so no biases.
        download_bytes: Of the file, deflated as gzip and zip do it.
    """

    zeros: float
    download_bytes: int


def weigh(path: Path, backend: str) -> FileWeights:
    """Return what a TFLite or ONNX file holds; runs in the worker."""
    content = path.read_bytes()
    found = [(stored.size, int((stored == zero).sum())) for stored, zero in stored_weights(content, backend)]
    weights, zeros = sum(size for size, _ in found), sum(count for _, count in found)
    return FileWeights(zeros / max(1, weights), len(zlib.compress(content, 9)))


def stored_weights(content: bytes, backend: str) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield each constant of two axes and more as it is stored, and what zero is stored as, to compare it with."""
    yield from _tflite(content) if backend == "tflite" else _onnx(content)


def _tflite(content: bytes) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    from ai_edge_litert import schema_py_generated as schema  # noqa: PLC0415 - only in the worker

    names = {value: name for name, value in vars(schema.TensorType).items() if name.isupper()}
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            data, kind = model.buffers[tensor.buffer].data, _FLOATS.get(names[tensor.type])
            if data is None or kind is None or tensor.shape is None or len(tensor.shape) < 2:
                continue
            stored = np.asarray(data, np.uint8).view(kind).reshape(tensor.shape)
            quantized = tensor.quantization
            points = None if quantized is None else quantized.zeroPoint
            yield stored, _along(points, 0 if quantized is None else quantized.quantizedDimension, stored.ndim)


def _onnx(content: bytes) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    import onnx  # noqa: PLC0415 - only in the worker

    graph = onnx.load_model_from_string(content).graph
    constants = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    points: dict[str, NDArray[Any]] = {}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in constants and len(node.input) > 2:
            axis = next((one.i for one in node.attribute if one.name == "axis"), 1)
            stored = constants[node.input[0]]
            points[node.input[0]] = _along(constants[node.input[2]], axis, stored.ndim)
    for name, stored in constants.items():
        if stored.ndim > 1 and stored.dtype.kind in "fiu" and stored.dtype.itemsize <= 4 and stored.dtype != np.int32:
            yield stored, points.get(name, _along(None, 0, stored.ndim))


def _along(points: Any, axis: int, axes: int) -> NDArray[Any]:
    """Return zero points so that they line up with the axis of a tensor that they are for."""
    flat = np.zeros(1, np.int64) if points is None or len(np.ravel(points)) == 0 else np.ravel(points).astype(np.int64)
    shape = [1] * axes
    shape[axis if len(flat) > 1 else 0] = len(flat)
    return flat.reshape(shape)
