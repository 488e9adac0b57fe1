"""Small Keras models of tasks with heads; their weights are noise, their outputs laid out as their heads say."""

import numpy as np

SIZE = (32, 24)
"""Width and height in pixels of what they take."""


def build(kind):
    """Return a model: ``detector`` (YOLO's columns), ``segmenter`` or ``poser`` (heat maps)."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(3)
    picture = keras.Input((SIZE[1], SIZE[0], 3), name="picture")
    x = layers.Rescaling(1 / 255)(picture)
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="stem")(x)
    if kind == "detector":
        return keras.Model(picture, _rows(layers, x), name=kind)
    count = {"segmenter": 3, "poser": 5}[kind]
    return keras.Model(picture, layers.Conv2D(count, 3, padding="same", name="maps")(x), name=kind)


def _rows(layers, x):
    """Return 1 × (4 + 2) × boxes: boxes as shares of the input, and the scores of two classes."""
    boxes = layers.Conv2D(4, 3, padding="same", activation="sigmoid", name="boxes")(x)
    scores = layers.Conv2D(2, 3, padding="same", activation="sigmoid", name="scores")(x)
    rows = layers.Concatenate(name="rows")([boxes, scores])
    return layers.Permute((2, 1), name="columns")(layers.Reshape((-1, 6), name="flat")(rows))


def pictures(count, seed=0):
    """Return pictures of bright rectangles, count × height × width × 3, ``uint8``."""
    rng = np.random.default_rng(seed)
    made = rng.integers(0, 80, (count, SIZE[1], SIZE[0], 3), dtype=np.uint8)
    for one in made:
        left, top = rng.integers(0, 20), rng.integers(0, 14)
        one[top : top + 8, left : left + 10] = rng.integers(120, 256, 3)
    return made


def save(kind, path):
    """Build and save; runs in the worker."""
    build(kind).save(path)
