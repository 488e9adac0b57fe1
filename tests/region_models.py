"""Model files whose answers rest on one rectangle of their input, and provably on nothing else."""

import numpy as np
import small_models
from small_models import Tensor, TfliteFile

SIDE = 32
PLACE = (slice(9, 17), slice(5, 13))
"""Rows and columns of the input."""
OTHER = (slice(16, 24), slice(20, 28))
WIDTH, HEIGHT = 60, 40


def picture():
    """A wide picture of weak noise, BGR, in which all of the left half and a spot on the right are bright."""
    rng = np.random.default_rng(3)
    made = rng.integers(0, 60, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    made[:, :26] += 180
    made[4:12, 44:54] = 250
    return made


def weights(place=PLACE, *, outputs=2, output=1):
    """Outputs × numbers of a picture (rows, columns, channels): the mean of a rectangle for one output, else 0."""
    made = np.zeros((outputs, SIDE, SIDE, 3), np.float32)
    made[(output, *place)] = 1 / made[(output, *place)].size
    return made.reshape(outputs, -1)


def tflite(rows, *, dtype="float32", quant=None, softmax=True) -> bytes:
    """A picture, times ``rows`` (outputs × numbers), through softmax if wanted."""
    pixels, count = SIDE * SIDE * 3, len(rows)
    tensors = [
        Tensor("picture", (1, SIDE, SIDE, 3), dtype, quant),
        Tensor("shape", (2,), "int32", constant=np.array([1, pixels], np.int32)),
        Tensor("real", (1, SIDE, SIDE, 3)),
        Tensor("flat", (1, pixels)),
        Tensor("weights", (count, pixels), constant=rows),
        Tensor("scores", (1, count)),
        Tensor("probabilities", (1, count)),
    ]
    operators = [
        *([("DEQUANTIZE", ["picture"], ["real"])] if dtype != "float32" else []),
        ("RESHAPE", ["picture" if dtype == "float32" else "real", "shape"], ["flat"]),
        ("FULLY_CONNECTED", ["flat", "weights"], ["scores"]),
        *([("SOFTMAX", ["scores"], ["probabilities"])] if softmax else []),
    ]
    return TfliteFile(tensors, operators, ("picture",), ("probabilities" if softmax else "scores",)).build()


def onnx(rows, *, bias=None, softmax=True, shape=None) -> bytes:
    """The same as ONNX, its picture planar; ``shape`` of the output where it is not one row."""
    from onnx import TensorProto, helper, numpy_helper

    planar = rows.reshape(len(rows), SIDE, SIDE, 3).transpose(0, 3, 1, 2).reshape(len(rows), -1)
    shape = shape or (1, len(rows))
    constants = [
        numpy_helper.from_array(np.ascontiguousarray(planar), "weights"),
        numpy_helper.from_array(np.zeros(len(rows), np.float32) if bias is None else bias, "bias"),
        numpy_helper.from_array(np.array(shape, np.int64), "shape"),
    ]
    nodes = [
        helper.make_node("Flatten", ["picture"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights", "bias"], ["row"], transB=1),
        helper.make_node("Reshape", ["row", "shape"], ["scores"]),
        *([helper.make_node("Softmax", ["scores"], ["probabilities"])] if softmax else []),
    ]
    return small_models.onnx_model(
        nodes,
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("probabilities" if softmax else "scores", TensorProto.FLOAT, list(shape))],
        constants,
    ).SerializeToString()


def finder(boxes) -> bytes:
    """An ONNX detector, end to end: boxes (left, top, right, bottom) of class 0, as sure as their rectangles are light.

    Args:
        boxes: Each with the rectangle of the input that its score rests on.
    """
    rows = np.zeros((6 * len(boxes), SIDE * SIDE * 3), np.float32)
    bias = np.zeros((len(boxes), 6), np.float32)
    for i, (box, place) in enumerate(boxes):
        bias[i, :4] = box
        rows[6 * i + 4] = weights(place, outputs=1, output=0)[0]
    return onnx(rows, bias=bias.reshape(-1), softmax=False, shape=(1, len(boxes), 6))
