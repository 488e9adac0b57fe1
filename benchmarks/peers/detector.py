"""A detector shaped like YOLOv8n, whose answers are known although its weights are random.

Every layer computes what it would in a trained net. What decides is a second path beside the backbone: each of the
three levels looks for squares of two colours, five of its cells wide, by averaging the picture over windows of that
size. So each square is found by the nine or so cells round its middle, the middle one the surest, as a trained net
finds things, and the suppression of overlapping boxes has as much to do.
"""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.squares import COLORS, SQUARE_CELLS, STRIDES, Level

layers = keras.layers

CLASSES = 80

_BINS = 16  # a side's distance is told as how likely each of so many is
_STEEP = 16.0
_BIAS = {1: -10.0, 2: -11.0}  # by how many of red, green and blue are in the colour
_NOISE = 0.2  # what the backbone adds to a logit


def detector(size: int, *, pixels: bool) -> Any:
    """Return the net for pictures of ``size`` × ``size`` raw bytes: 84 × boxes, places in pixels or as shares."""
    unit = 1 if pixels else size
    image = keras.Input((size, size, 3), name="image")
    real = layers.Rescaling(1 / 255)(image)
    patches = layers.AveragePooling2D(STRIDES[0])(real)
    boxes, scores = [], []
    for level, features in enumerate(_pyramid(real)):
        boxes.append(_boxes(features, size // STRIDES[level], STRIDES[level] / unit))
        scores.append(_scores(features, patches, level))
    told = [layers.Concatenate(axis=1)(boxes), layers.Concatenate(axis=1)(scores)]
    rows = layers.Concatenate(axis=2)(told)
    return keras.Model(image, layers.Permute((2, 1), name="rows")(rows))


def settle(model: Any, samples: NDArray[np.uint8]) -> None:
    """Give the batch normalizations the samples' own statistics, and the random heads a small say."""
    some = samples[:8].astype(np.float32)
    normal = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    for layer in normal:
        layer.momentum = 0.0
    model(some, training=True)
    heads = [layer for layer in model.layers if layer.name.startswith("noise_")]
    for head in heads:
        spread = np.asarray(keras.Model(model.inputs, head.output)(some, training=False)).std()
        head.kernel.assign(head.kernel * (_NOISE / spread))


def _conv(x: Any, filters: int, kernel: int = 3, strides: int = 1) -> Any:
    x = layers.Conv2D(filters, kernel, strides, padding="same", use_bias=False)(x)
    return layers.Activation("silu")(layers.BatchNormalization()(x))


def _block(x: Any, filters: int, *, repeats: int, shortcut: bool = True) -> Any:
    """Return a block of which every step's half of the channels goes on to its end."""
    parts = [_conv(x, filters // 2, 1), _conv(x, filters // 2, 1)]
    for _ in range(repeats):
        step = _conv(_conv(parts[-1], filters // 2), filters // 2)
        parts.append(layers.Add()([parts[-1], step]) if shortcut else step)
    return _conv(layers.Concatenate()(parts), filters, 1)


def _pyramid(x: Any) -> tuple[Any, Any, Any]:
    """Return features of an eighth, a sixteenth and a thirty-second of the picture's sides."""
    x = _block(_conv(_conv(x, 16, strides=2), 32, strides=2), 32, repeats=1)
    eighth = _block(_conv(x, 64, strides=2), 64, repeats=2)
    sixteenth = _block(_conv(eighth, 128, strides=2), 128, repeats=2)
    deepest = _pooled(_block(_conv(sixteenth, 256, strides=2), 256, repeats=1))
    up = layers.Concatenate()([_doubled(deepest), sixteenth])
    middle = _block(up, 128, repeats=1, shortcut=False)
    up = layers.Concatenate()([_doubled(middle), eighth])
    fine = _block(up, 64, repeats=1, shortcut=False)
    down = layers.Concatenate()([_conv(fine, 64, strides=2), middle])
    middle = _block(down, 128, repeats=1, shortcut=False)
    down = layers.Concatenate()([_conv(middle, 128, strides=2), deepest])
    return fine, middle, _block(down, 256, repeats=1, shortcut=False)


def _doubled(x: Any) -> Any:
    # UpSampling2D says it as a repetition, which not every engine reads; this is the operator that exporters write.
    return layers.Resizing(2 * x.shape[1], 2 * x.shape[2], interpolation="nearest")(x)


def _pooled(x: Any) -> Any:
    parts = [_conv(x, 128, 1)]
    for _ in range(3):
        parts.append(layers.MaxPooling2D(5, 1, padding="same")(parts[-1]))
    return _conv(layers.Concatenate()(parts), 256, 1)


def _boxes(features: Any, cells: int, stride: float) -> Any:
    """Return centre x, centre y, width and height: half a square to each side of the cell, but for a little noise."""
    x = _conv(_conv(features, 64), 64)
    bins = np.full((4, _BINS), -6.0, np.float32)
    bins[:, 2:4] = 6.0  # two and a half cells: as likely two as three
    told = layers.Conv2D(4 * _BINS, 1, name=f"noise_sides_{cells}")
    x = told(x)
    told.bias.assign(bins.reshape(-1))
    x = layers.Softmax()(layers.Reshape((cells * cells, 4, _BINS))(x))
    x = _fixed(layers.Dense(1, use_bias=False), x, np.arange(_BINS, dtype=np.float32)[:, None])
    x = layers.Reshape((cells * cells, 4))(x)
    # Left, top, right and bottom, in cells, to centre and size; the cell's own place is added as a bias.
    turned = np.array([[-0.5, 0, 1, 0], [0, -0.5, 0, 1], [0.5, 0, 1, 0], [0, 0.5, 0, 1]], np.float32)
    down, along = np.divmod(np.arange(cells * cells, dtype=np.float32), cells)
    places = np.stack([along + 0.5, down + 0.5, 0 * down, 0 * down], axis=1)
    turn = layers.EinsumDense("bnc,cd->bnd", output_shape=(cells * cells, 4), bias_axes="nd")
    return _fixed(turn, x, turned * stride, places * stride)


def _scores(features: Any, patches: Any, level: Level) -> Any:
    """Return each class's probability: what the level looks for, and a little noise from the features."""
    stride = STRIDES[level]
    step = stride // STRIDES[0]
    seen = layers.AveragePooling2D(SQUARE_CELLS * step, step, padding="same")(patches)
    kernel = np.zeros((3, CLASSES), np.float32)
    bias = np.full(CLASSES, _BIAS[1], np.float32)
    for class_id, (at, color) in COLORS.items():
        if at == level:
            lit = sum(color)
            kernel[:, class_id] = [_STEEP / lit if part else -_STEEP for part in color]
            bias[class_id] = _BIAS[lit]
    seen = _fixed(layers.Conv2D(CLASSES, 1), seen, kernel[None, None], bias)
    noise = layers.Conv2D(CLASSES, 1, use_bias=False, name=f"noise_scores_{stride}")(_conv(_conv(features, 80), 80))
    logits = layers.Add()([seen, noise])
    return layers.Activation("sigmoid")(layers.Reshape((-1, CLASSES))(logits))


def _fixed(layer: Any, x: Any, *weights: NDArray[np.float32]) -> Any:
    """Return what a layer with these weights makes of ``x``."""
    made = layer(x)
    layer.set_weights(weights)
    return made
