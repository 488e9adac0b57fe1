"""Small convolutional nets trained on Fashion-MNIST, and what breaks them in 8 bits; built in the worker process."""

import gzip
from pathlib import Path

import keras_models
import numpy as np

FILTERS = ((16, 1), (32, 2), (32, 1), (64, 2))


def read(folder, part):
    """Return pictures, n × 28 × 28 × 1, ``uint8``, and their classes; ``part`` is ``train`` or ``t10k``."""
    images, labels = (next(Path(folder).glob(f"{part}-{kind}*.gz")) for kind in ("images", "labels"))
    pictures = np.frombuffer(gzip.decompress(images.read_bytes()), np.uint8, offset=16).reshape(-1, 28, 28, 1)
    return pictures, np.frombuffer(gzip.decompress(labels.read_bytes()), np.uint8, offset=8)


def save(kind, seed, folder, path):
    """Train a net of a kind and save it, its channels as far apart as its kind is named after."""
    import keras

    keras.utils.set_random_seed(seed)
    model = _net(keras, normalized_last=kind != "imbalanced")
    pictures, classes = read(folder, "train")
    epochs, batch = 2, 128
    rate = keras.optimizers.schedules.CosineDecay(3e-3, epochs * len(pictures) // batch)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    model.fit(pictures.astype(np.float32), classes, epochs=epochs, batch_size=batch, verbose=0)
    convs = [layer for layer in model.layers if layer.name.startswith("conv")]
    norms = [layer for layer in model.layers if layer.name.startswith("norm")]
    if kind == "imbalanced":
        for norm, after in zip(norms[:2], convs[1:3], strict=True):
            keras_models.unbalance(norm, after)
    if kind == "long_tail":
        for i, (conv, norm) in enumerate(zip(convs, norms, strict=True)):
            keras_models.spread(conv, norm, seed=10 * seed + i)
    model.save(Path(path))


def _net(keras, *, normalized_last):
    layers = keras.layers
    picture = keras.Input((28, 28, 1), name="picture")
    x = layers.Rescaling(1 / 255)(picture)
    for i, (filters, stride) in enumerate(FILTERS):
        x = layers.Conv2D(filters, 3, strides=stride, padding="same", name=f"conv_{i}")(x)
        x = layers.ReLU()(x) if normalized_last else x
        x = layers.BatchNormalization(momentum=0.9, name=f"norm_{i}")(x)
        x = x if normalized_last else layers.ReLU()(x)
    return keras.Model(picture, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x)))
