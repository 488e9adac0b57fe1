"""TFLite's operators as TensorFlow computes them, for any number of samples at once; one row a kind."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

from lepton_edge_converters.errors import ConversionError

Shape = tuple[int, ...]
Compute = Callable[[Any, Sequence[Any], Shape], Any]
"""Takes an operator's options, its inputs, and the shape of its first output for one sample; gives that output, or all.

Inputs that are stored come as arrays where they are not trained.
"""

_SAME = schema.Padding.SAME
_FUSED: Mapping[int, Callable[[Any], Any]] = {
    schema.ActivationFunctionType.NONE: lambda x: x,
    schema.ActivationFunctionType.RELU: tf.nn.relu,
    schema.ActivationFunctionType.RELU_N1_TO_1: lambda x: tf.clip_by_value(x, -1, 1),
    schema.ActivationFunctionType.RELU6: tf.nn.relu6,
    schema.ActivationFunctionType.TANH: tf.nn.tanh,
}


def compute(kind: str, options: Any, inputs: Sequence[Any], shape: Shape) -> list[Any]:
    """Return what an operator makes, its fused activation included.

    Args:
        kind: A row of ``OPERATORS``.
        options: Of its kind, as the schema has them.
        inputs: Tensors with any number of samples, and constants; ``None`` for one left out.
        shape: Of its first output, for one sample.
    """
    made = OPERATORS[kind](options, inputs, shape)
    outputs = list(made) if isinstance(made, list | tuple) else [made]
    return [_FUSED[getattr(options, "fusedActivationFunction", 0)](one) for one in outputs]


def _convolution(o: Any, inputs: Sequence[Any], _: Shape) -> Any:
    x, kernel = inputs[0], tf.transpose(inputs[1], (1, 2, 3, 0))
    settings = {
        "strides": (o.strideH, o.strideW),
        "padding": _padding(o),
        "dilations": (o.dilationHFactor, o.dilationWFactor),
    }
    groups = int(x.shape[-1]) // int(kernel.shape[2])
    # TensorFlow trains grouped convolutions on GPUs only.
    pairs = zip(tf.split(x, groups, axis=-1), tf.split(kernel, groups, axis=-1), strict=True)
    return _biased(tf.concat([tf.nn.conv2d(part, own, **settings) for part, own in pairs], axis=-1), inputs[2:])


def _depthwise(o: Any, inputs: Sequence[Any], _: Shape) -> Any:
    x, kernel = inputs[0], inputs[1]
    form = (*kernel.shape[1:3], x.shape[-1], kernel.shape[3] // x.shape[-1])
    made = tf.nn.depthwise_conv2d(
        x,
        tf.reshape(kernel, form),
        (1, o.strideH, o.strideW, 1),
        _padding(o),
        dilations=(o.dilationHFactor, o.dilationWFactor),
    )
    return _biased(made, inputs[2:])


def _transposed(o: Any, inputs: Sequence[Any], shape: Shape) -> Any:
    kernel = tf.transpose(inputs[1], (1, 2, 0, 3))
    form = (tf.shape(inputs[2])[0], *shape[1:])
    made = tf.nn.conv2d_transpose(inputs[2], kernel, form, (o.strideH, o.strideW), _padding(o))
    return _biased(made, inputs[3:])


def _dense(_: Any, inputs: Sequence[Any], shape: Shape) -> Any:
    x = tf.reshape(inputs[0], (-1, inputs[1].shape[1]))
    return tf.reshape(_biased(tf.matmul(x, inputs[1], transpose_b=True), inputs[2:]), (-1, *shape[1:]))


def _biased(x: Any, bias: Sequence[Any]) -> Any:
    return x if not bias or bias[0] is None else x + bias[0]


def _padding(options: Any) -> str:
    return "SAME" if options.padding == _SAME else "VALID"


def _pool(function: Callable[..., Any]) -> Compute:
    return lambda o, i, _: function(i[0], (o.filterHeight, o.filterWidth), (o.strideH, o.strideW), _padding(o))


def _reduce(function: Callable[..., Any]) -> Compute:
    return lambda o, i, _: function(i[0], axis=i[1].reshape(-1).tolist(), keepdims=o.keepDims)


def _each(function: Callable[..., Any]) -> Compute:
    return lambda _, inputs, __: function(*inputs)


def _reshape(_: Any, inputs: Sequence[Any], shape: Shape) -> Any:
    if shape[:1] != (1,):
        raise ConversionError(
            "it cannot be trained here: a reshape moves samples into other axes, as TimeDistributed and recurrent "
            "layers over clips do"
        )
    return tf.reshape(inputs[0], (-1, *shape[1:]))


def _strided_slice(o: Any, inputs: Sequence[Any], _: Shape) -> Any:
    x, begin, end, strides = inputs
    # The first axis has all samples, where the file has one.
    return tf.strided_slice(
        x,
        begin,
        end,
        strides,
        begin_mask=o.beginMask | 1,
        end_mask=o.endMask | 1,
        ellipsis_mask=o.ellipsisMask,
        new_axis_mask=o.newAxisMask,
        shrink_axis_mask=o.shrinkAxisMask,
    )


def _slice(_: Any, inputs: Sequence[Any], __: Shape) -> Any:
    return tf.slice(inputs[0], (0, *inputs[1][1:]), (-1, *inputs[2][1:]))


def _resize(function: Callable[..., Any]) -> Compute:
    return lambda o, i, _: function(
        images=i[0], size=i[1], align_corners=o.alignCorners, half_pixel_centers=o.halfPixelCenters
    )


def _mirrored(o: Any, inputs: Sequence[Any], _: Shape) -> Any:
    mode = "REFLECT" if o.mode == schema.MirrorPadMode.REFLECT else "SYMMETRIC"
    return tf.pad(inputs[0], inputs[1], mode)


def _split_sizes(_: Any, inputs: Sequence[Any], __: Shape) -> Any:
    return tf.split(inputs[0], inputs[1].tolist(), axis=int(inputs[2].item()))


def _select(_: Any, inputs: Sequence[Any], __: Shape) -> Any:
    """Choose between indices, as an Embedding does to count negative ones from the end."""
    chosen = tf.where(*inputs)
    if chosen.dtype.is_floating:
        raise ConversionError(
            "SELECT of real numbers, such as a mask of a recurrent layer makes, cannot be trained here"
        )
    return chosen


OPERATORS: Mapping[str, Compute] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "TRANSPOSE_CONV": _transposed,
    "FULLY_CONNECTED": _dense,
    "BATCH_MATMUL": lambda o, i, _: tf.matmul(i[0], i[1], transpose_a=o.adjX, transpose_b=o.adjY),
    "ADD": _each(tf.add),
    "SUB": _each(tf.subtract),
    "MUL": _each(tf.multiply),
    "DIV": _each(tf.divide),
    "MAXIMUM": _each(tf.maximum),
    "MINIMUM": _each(tf.minimum),
    "SQUARED_DIFFERENCE": _each(tf.math.squared_difference),
    "ABS": _each(tf.abs),
    "EXP": _each(tf.exp),
    "FLOOR_MOD": _each(tf.math.floormod),
    "LESS": _each(tf.less),
    "LOG": _each(tf.math.log),
    "NEG": _each(tf.negative),
    "RSQRT": _each(tf.math.rsqrt),
    "SQRT": _each(tf.sqrt),
    "SQUARE": _each(tf.square),
    "RELU": _each(tf.nn.relu),
    "RELU6": _each(tf.nn.relu6),
    "ELU": _each(tf.nn.elu),
    "HARD_SWISH": _each(lambda x: x * tf.nn.relu6(x + 3) / 6),
    "LOGISTIC": _each(tf.nn.sigmoid),
    "TANH": _each(tf.nn.tanh),
    "LEAKY_RELU": lambda o, i, _: tf.nn.leaky_relu(i[0], o.alpha),
    "GELU": lambda o, i, _: tf.nn.gelu(i[0], o.approximate),
    "PRELU": lambda _, i, __: tf.nn.relu(i[0]) - i[1] * tf.nn.relu(-i[0]),
    "SOFTMAX": lambda o, i, _: tf.nn.softmax(o.beta * i[0]),
    "L2_NORMALIZATION": _each(lambda x: tf.math.l2_normalize(x, -1)),
    "LOG_SOFTMAX": _each(tf.nn.log_softmax),
    "AVERAGE_POOL_2D": _pool(tf.nn.avg_pool2d),
    "MAX_POOL_2D": _pool(tf.nn.max_pool2d),
    "MEAN": _reduce(tf.reduce_mean),
    "SUM": _reduce(tf.reduce_sum),
    "REDUCE_MAX": _reduce(tf.reduce_max),
    "REDUCE_MIN": _reduce(tf.reduce_min),
    "RESHAPE": _reshape,
    "SQUEEZE": _reshape,
    "EXPAND_DIMS": _reshape,
    "TILE": _each(tf.tile),
    "TRANSPOSE": _each(tf.transpose),
    "CONCATENATION": lambda o, i, _: tf.concat(i, o.axis),
    "PACK": lambda o, i, _: tf.stack(i, o.axis),
    "UNPACK": lambda o, i, _: tf.unstack(i[0], axis=o.axis),
    "SPLIT": lambda o, i, _: tf.split(i[1], o.numSplits, axis=int(i[0].item())),
    "SPLIT_V": _split_sizes,
    "SELECT": _select,
    "SELECT_V2": _select,
    "SLICE": _slice,
    "STRIDED_SLICE": _strided_slice,
    "GATHER": lambda o, i, _: tf.gather(i[0], i[1], axis=o.axis),
    "CAST": lambda o, i, _: tf.cast(i[0], tf.int32 if o.outDataType == schema.TensorType.INT32 else tf.float32),
    "PAD": _each(tf.pad),
    "PADV2": lambda _, i, __: tf.pad(i[0], i[1], constant_values=np.asarray(i[2]).item()),
    "MIRROR_PAD": _mirrored,
    "RESIZE_BILINEAR": _resize(tf.raw_ops.ResizeBilinear),
    "RESIZE_NEAREST_NEIGHBOR": _resize(tf.raw_ops.ResizeNearestNeighbor),
    "DEPTH_TO_SPACE": lambda o, i, _: tf.nn.depth_to_space(i[0], o.blockSize),
    "SPACE_TO_DEPTH": lambda o, i, _: tf.nn.space_to_depth(i[0], o.blockSize),
}
