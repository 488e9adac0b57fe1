"""Keras models that take clips: which way a bright bar moves is in no single picture."""

from pathlib import Path

import numpy as np

FRAMES, SIDE = 6, 16


def clips(count, seed=0):
    """Return n × 6 × 16 × 16 × 3, ``uint8``: a bar that goes right (1) or left (0), and which."""
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 60, (count, FRAMES, SIDE, SIDE, 3)).astype(np.uint8)
    classes = np.arange(count) % 2
    for i, right in enumerate(classes):
        begin = rng.integers(0, SIDE)
        for frame in range(FRAMES):
            column = (begin + (2 if right else -2) * frame) % SIDE
            pictures[i, frame, :, column] = 255
    return pictures, classes


def save(kind, path):
    """Build, train and save; runs in the worker."""
    import keras

    keras.utils.set_random_seed(1)
    model = globals()[f"_{kind}"](keras, keras.layers)
    pictures, classes = clips(128)
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy")
    model.fit(pictures.astype(np.float32), classes, epochs=_EPOCHS.get(kind, 0), batch_size=16, verbose=0)
    model.save(Path(path))


_EPOCHS = {"gru": 12}


def _gru(keras, layers):
    """Each picture by itself, then in their order: the usual way."""
    return keras.Sequential(
        [
            keras.Input((FRAMES, SIDE, SIDE, 3), name="clip"),
            layers.Rescaling(1 / 255),
            layers.TimeDistributed(layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")),
            layers.TimeDistributed(layers.AveragePooling2D((8, 1))),
            layers.TimeDistributed(layers.Flatten()),
            layers.GRU(16),
            layers.Dense(2, activation="softmax", name="way"),
        ],
        name="gru",
    )


def _conv3d(keras, layers):
    return keras.Sequential(
        [
            keras.Input((FRAMES, SIDE, SIDE, 3), name="clip"),
            layers.Rescaling(1 / 255),
            layers.Conv3D(8, 3, padding="same", activation="relu"),
            layers.Conv3D(8, 3, strides=2, activation="relu"),
            layers.GlobalAveragePooling3D(),
            layers.Dense(2, activation="softmax", name="way"),
        ],
        name="conv3d",
    )


def _convlstm(keras, layers):
    return keras.Sequential(
        [
            keras.Input((FRAMES, SIDE, SIDE, 3), name="clip"),
            layers.Rescaling(1 / 255),
            layers.ConvLSTM2D(4, 3, padding="same"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax", name="way"),
        ],
        name="convlstm",
    )


def _open(keras, layers):
    """As many pictures as one likes, of any size."""
    return keras.Sequential(
        [
            keras.Input((None, None, None, 3), name="clip"),
            layers.Conv3D(4, 3, activation="relu"),
            layers.GlobalAveragePooling3D(),
            layers.Dense(2, activation="softmax", name="way"),
        ],
        name="open",
    )
