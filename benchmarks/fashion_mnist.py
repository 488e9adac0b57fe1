"""A CNN trained on Fashion-MNIST; run as a child, since it imports TensorFlow.

``python -m benchmarks.fashion_mnist IMAGES FOLDER`` reads the four idx.gz files in IMAGES, trains on 15,000 of the
training images, and writes ``fashion.keras`` and ``fashion.npz``, the 10,000 test images with their classes.
"""

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmarks.idx import read

layers = keras.layers

_TRAINED = 15_000
_EPOCHS = 6


def network() -> Any:
    """Return an untrained CNN with batch normalization, 28 × 28 grey, raw bytes in."""
    stack: list[Any] = [keras.Input((28, 28, 1), name="image"), layers.Rescaling(1 / 255)]
    for filters, stride in ((32, 1), (32, 2), (64, 1), (64, 2)):
        stack += [
            layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
        ]
    stack += [layers.Flatten(), layers.Dropout(0.3), layers.Dense(128, activation="relu"), layers.Dropout(0.3)]
    return keras.Sequential([*stack, layers.Dense(10, activation="softmax")], name="fashion")


def main() -> None:
    """Train, and write the model and the test images."""
    source, folder = Path(sys.argv[1]), Path(sys.argv[2])
    keras.utils.set_random_seed(0)
    images, classes = read(source, "train")
    model = network()
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy")
    model.fit(images[:_TRAINED], classes[:_TRAINED], epochs=_EPOCHS, batch_size=128, verbose=0)
    model.save(folder / "fashion.keras")
    tests, truth = read(source, "t10k")
    np.savez(folder / "fashion.npz", x=tests, y=truth)


if __name__ == "__main__":
    main()
