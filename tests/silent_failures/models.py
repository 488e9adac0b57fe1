"""Models that break when they are converted; built in the worker process, beside those in ``keras_models``."""

from pathlib import Path

import keras_models
import numpy as np


def save(kind, path):
    """Build and save; runs in the worker."""
    import keras

    keras.utils.set_random_seed(3)
    build = BUILDERS.get(kind)
    model = build(keras, keras.layers) if build else keras_models.build(kind)
    model.save(Path(path))


def bright(count, *, seed):
    """Return n × 24 × 24 × 1 patterns that are nowhere darker than 0.6, and which of four each is."""
    pictures, targets = keras_models.patterns(count, channels=1, seed=seed)
    return np.float32(0.6) + pictures * np.float32(0.4 / 255), targets


def _bright(keras, layers):
    model = keras.Sequential(
        [
            keras.Input((keras_models.SIZE, keras_models.SIZE, 1), name="picture"),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(keras_models.CLASSES, activation="softmax"),
        ],
        name="bright",
    )
    return _fitted(model, *bright(256, seed=0))


_PAINTS = np.array([[200, 40, 40], [40, 40, 200], [200, 180, 40], [40, 180, 200]])


def paints(count, *, seed):
    """Return n × 24 × 24 × 3 noisy patches in red, blue, yellow or cyan, ``uint8``, RGB, and which each is."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, keras_models.CLASSES, count)
    patches = _PAINTS[targets][:, np.newaxis, np.newaxis] + rng.normal(
        0, 40, (count, keras_models.SIZE, keras_models.SIZE, 3)
    )
    return np.clip(patches, 0, 255).astype(np.uint8), targets


def _coloured(keras, layers):
    model = keras.Sequential(
        [
            keras.Input((keras_models.SIZE, keras_models.SIZE, 3), name="picture"),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(keras_models.CLASSES, activation="softmax"),
        ],
        name="coloured",
    )
    pictures, targets = paints(256, seed=0)
    return _fitted(model, pictures.astype(np.float32), targets)


def _fitted(model, samples, targets):
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(samples, targets, epochs=20, batch_size=16, verbose=0)
    return model


def _flex(keras, layers):
    numbers = keras.Input((16,), name="numbers")
    hidden = keras.ops.arctan(layers.Dense(16)(numbers))
    return keras.Model(numbers, layers.Dense(3)(hidden), name="flex")


def _normalized(keras, layers):
    numbers = keras.Input((16,), name="numbers")
    normalization = layers.Normalization(mean=[3.0] * 16, variance=[4.0] * 16)
    return keras.Model(numbers, layers.Dense(3, activation="softmax")(normalization(numbers)), name="normalized")


def _gelu(keras, layers):
    numbers = keras.Input((16,), name="numbers")
    hidden = layers.Dense(32, activation="gelu")(numbers)
    return keras.Model(numbers, layers.Dense(3, activation="softmax")(hidden), name="gelu")


def _depthwise(keras, layers):
    picture = keras.Input((keras_models.SIZE, keras_models.SIZE, 3), name="picture")
    x = layers.Conv2D(16, 3, strides=2, use_bias=False)(picture)
    for _ in range(3):
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x))
    answer = layers.Dense(keras_models.CLASSES, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    pictures, targets = keras_models.patterns(256)
    return _fitted(keras.Model(picture, answer, name="depthwise"), pictures.astype(np.float32), targets)


def _convolutional(keras, layers):
    picture = keras.Input((96, 96, 3), name="picture")
    x = layers.Rescaling(1 / 255)(picture)
    for width in (16, 32, 64):
        x = layers.Conv2D(width, 3, strides=2, activation="relu")(x)
        x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
    answer = layers.Dense(keras_models.CLASSES, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(picture, answer, name="convolutional")


BUILDERS = {
    "bright": _bright,
    "coloured": _coloured,
    "flex": _flex,
    "normalized": _normalized,
    "gelu": _gelu,
    "depthwise": _depthwise,
    "convolutional": _convolutional,
}
