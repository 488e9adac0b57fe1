"""Untrained models of many kinds of layers, with samples that they take; built in the worker process."""

from pathlib import Path

import numpy as np


def save(kind, path):
    """Build and save; runs in the worker."""
    import keras

    keras.utils.set_random_seed(3)
    BUILDERS[kind](keras, keras.layers).save(Path(path))


def samples(kind, count=40):
    """Return model-ready samples: one array, or one an input by name."""
    rng = np.random.default_rng(5)
    shapes = SAMPLES[kind]
    arrays = {
        name: rng.integers(0, 20, (count, *shape)).astype(np.int32)
        if name == "tokens"
        else rng.uniform(0, 1, (count, *shape)).astype(np.float32)
        for name, shape in shapes.items()
    }
    return arrays if len(arrays) > 1 else next(iter(arrays.values()))


def _conv1d(keras, layers):
    signal = keras.Input((64, 2), name="signal")
    x = layers.Conv1D(8, 5, strides=2, activation="relu")(signal)
    x = layers.SeparableConv1D(8, 3, dilation_rate=2, padding="same", activation="relu")(x)
    return keras.Model(signal, layers.Dense(3)(layers.GlobalMaxPooling1D()(x)))


def _conv3d(keras, layers):
    volume = keras.Input((8, 8, 8, 1), name="volume")
    x = layers.Conv3D(4, 3, strides=2, activation="relu")(volume)  # TFLite has no pooling in three dimensions
    return keras.Model(volume, layers.Dense(3)(layers.Flatten()(x)))


def _unet(keras, layers):
    picture = keras.Input((32, 32, 3), name="picture")
    down = layers.Conv2D(8, 3, padding="same", activation="relu")(picture)
    low = layers.Conv2D(16, 3, padding="same", activation="relu")(layers.MaxPooling2D()(down))
    up = layers.Conv2DTranspose(8, 2, strides=2)(low)
    other = layers.UpSampling2D(interpolation="bilinear")(layers.Conv2D(8, 1)(low))
    x = layers.Concatenate()([down, up, layers.Cropping2D(1)(layers.ZeroPadding2D(1)(other))])
    return keras.Model(picture, layers.Conv2D(2, 1, activation="sigmoid")(x))


def _resized(keras, layers):
    # The size is computed when the model runs.
    picture = keras.Input((24, 24, 3), name="picture")
    deep = layers.Conv2D(8, 3, strides=4, padding="same", activation="relu")(picture)
    shape = keras.ops.shape(picture)
    return keras.Model(picture, layers.Conv2D(1, 1)(keras.ops.image.resize(deep, (shape[1], shape[2]))))


def _open_size(keras, layers):
    picture = keras.Input((None, None, 3), name="picture")
    x = layers.Conv2D(8, 3, strides=2, activation="relu")(picture)
    return keras.Model(picture, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


def _prepared(keras, layers):
    picture = keras.Input((24, 24, 3), name="picture")
    x = layers.RandomFlip()(layers.RandomRotation(0.1)(picture))
    x = layers.Normalization(mean=[0.5, 0.4, 0.3], variance=[0.04, 0.05, 0.06])(x)
    x = layers.Resizing(16, 16)(layers.CenterCrop(20, 20)(x))
    x = layers.Conv2D(8, 3, activation="relu")(x)
    return keras.Model(picture, layers.Dense(3)(layers.Flatten()(x)))


def _attention(keras, layers):
    tokens = keras.Input((12,), dtype="int32", name="tokens")
    x = layers.Embedding(20, 16)(tokens)
    x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 8)(x, x)]))
    return keras.Model(tokens, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


def _unlike(keras, layers):
    tokens = keras.Input((6,), dtype="int32", name="tokens")
    sensor = keras.Input((4,), name="sensor")
    read = layers.Flatten()(layers.Embedding(20, 4)(tokens))
    return keras.Model({"tokens": tokens, "sensor": sensor}, layers.Dense(3)(layers.Concatenate()([read, sensor])))


def _activations(keras, layers):
    numbers = keras.Input((16,), name="numbers")
    x = numbers
    for name in ("relu6", "hard_swish", "swish", "leaky_relu", "tanh"):
        x = layers.Dense(16, activation=name)(x)
    return keras.Model(numbers, layers.PReLU()(x))


def _half_used_split(keras, layers):
    numbers = keras.Input((16,), name="numbers")
    first, _, _, last = keras.ops.split(layers.Dense(16, activation="relu")(numbers), 4, axis=-1)
    return keras.Model(numbers, layers.Dense(3)(layers.Add()([first, last])))


def _grouped(keras, layers):
    # Keras has grouped convolutions compiled by XLA, as a function of their own.
    picture = keras.Input((16, 16, 6), name="picture")
    x = layers.Conv2D(12, 3, groups=3, padding="same", activation="gelu")(picture)
    x = layers.Conv2D(12, 3, groups=12, strides=2)(x)
    return keras.Model(picture, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))


BUILDERS = {
    "conv1d": _conv1d,
    "conv3d": _conv3d,
    "unet": _unet,
    "resized": _resized,
    "open_size": _open_size,
    "prepared": _prepared,
    "attention": _attention,
    "unlike": _unlike,
    "activations": _activations,
    "half_used_split": _half_used_split,
    "grouped": _grouped,
}
SAMPLES = {
    "conv1d": {"signal": (64, 2)},
    "conv3d": {"volume": (8, 8, 8, 1)},
    "unet": {"picture": (32, 32, 3)},
    "resized": {"picture": (24, 24, 3)},
    "open_size": {"picture": (24, 32, 3)},
    "prepared": {"picture": (24, 24, 3)},
    "attention": {"tokens": (12,)},
    "unlike": {"tokens": (6,), "sensor": (4,)},
    "activations": {"numbers": (16,)},
    "half_used_split": {"numbers": (16,)},
    "grouped": {"picture": (16, 16, 6)},
}
