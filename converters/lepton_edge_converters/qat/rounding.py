"""Numbers rounded to what 8 bits can hold, as the quantizer will round them, with gradients straight through."""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lepton_edge_converters.quantize.ranges import Range
from lepton_edge_runtime.tensors import Quant

LEAST, MOST = -128, 127
_TINY = float(np.finfo(np.float32).tiny)


def quant_of(limits: Range) -> Quant:
    """Return the scaling that the quantizer gives a range: 256 steps, of which one is exactly 0.

    Source: ``getNudgedScaleAndZeroPoint`` of TensorFlow's converter; Jacob et al. (2018), 3.1.
    """
    low, high = min(limits[0], 0.0), max(limits[1], 0.0)
    scale = max(high - low, _TINY) / (MOST - LEAST)
    return Quant(scale, int(np.clip(np.rint(LEAST - low / scale), LEAST, MOST)))


def limits_of(quant: Quant) -> Range:
    """Return the range that a scaling covers."""
    return (LEAST - quant.zero_point) * quant.scale, (MOST - quant.zero_point) * quant.scale


def round_activation(x: Any, low: Any, high: Any) -> Any:
    """Return a tensor rounded to 256 steps from ``low`` to ``high``, asymmetric, one scale for all."""
    scale = (high - low) / (MOST - LEAST)
    zero_point = tf.clip_by_value(_rounded(LEAST - low / scale), LEAST, MOST)
    stored = tf.clip_by_value(_rounded(x / scale) + zero_point, LEAST, MOST)
    return (stored - zero_point) * scale


def round_constant(values: Any, axis: int | None) -> Any:
    """Return constants as the file will hold them.

    Args:
        values: Float tensor or array.
        axis: Of output channels: symmetric from -127 to 127, a scale for each. ``None``: asymmetric, one for all.
    """
    values = tf.convert_to_tensor(values)
    if axis is None:
        low, high = tf.minimum(tf.reduce_min(values), 0), tf.maximum(tf.reduce_max(values), 0)
        return round_activation(values, tf.stop_gradient(low), tf.stop_gradient(tf.maximum(high, low + _TINY * 256)))
    others = [i for i in range(len(values.shape)) if i != axis % len(values.shape)]
    largest = tf.reduce_max(tf.abs(values), axis=others, keepdims=True)
    scale = tf.stop_gradient(tf.maximum(largest, _TINY) / MOST)
    return _rounded(values / scale) * scale


def stored_constant(values: NDArray[np.float32], axis: int | None) -> NDArray[np.float32]:
    """Return constants as the file will hold them; what the quantizer makes of those is the same again."""
    rounded: NDArray[np.float32] = round_constant(values, axis).numpy()
    return rounded


def _rounded(x: Any) -> Any:
    """Return integers whose gradient is that of ``x``: the straight-through estimator."""
    return x + tf.stop_gradient(tf.round(x) - x)
