"""Builds the Keras models that are measured; run as a child, since it imports TensorFlow.

``python -m benchmarks.keras_models NAME FOLDER`` writes ``NAME.keras`` and ``NAME.npy``, pictures for it.
"""

import sys
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

layers = keras.layers

_PICTURES = 144  # so that 100 calibrate beside the 3 in 10 that judge
_LOGIT_SPREAD = 1.5


def tiny_cnn() -> Any:
    """Return a digit reader, 28 × 28 grey: so small that what surrounds the engine is what takes time."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1), name="image"),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.Conv2D(16, 3, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )


def mobilenet_v2() -> Any:
    """Return MobileNetV2 for 224 × 224 pictures, rescaling inside, so that raw bytes go in."""
    pixels = keras.Input((224, 224, 3), name="image")
    scaled = layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    return keras.applications.MobileNetV2(weights=None, input_tensor=scaled)


MODELS = {"tiny_cnn": tiny_cnn, "mobilenet_v2": mobilenet_v2}


def pictures(height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """Return blurred random checkerboards, n × height × width × channels; each holds 0 and 255."""
    rng = np.random.default_rng(0)
    boards = [rng.integers(0, 2, (8, 8, channels), np.uint8) * 255 for _ in range(_PICTURES)]
    enlarged = [cv2.resize(board, (width, height), interpolation=cv2.INTER_LINEAR) for board in boards]
    return np.stack(enlarged).reshape(-1, height, width, channels)


def enliven(model: Any, samples: NDArray[np.uint8]) -> None:
    """Give random weights the activations of a trained net, so that int8 has something to round.

    Batch normalization takes on the samples' own statistics, and the scores are spread out: untouched,
    every class would have the same one.
    """
    some = samples[:32].astype(np.float32)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0
    model(some, training=True)
    head = model.layers[-1]
    features = keras.Model(model.inputs, head.input)(some, training=False)
    logits = np.asarray(features @ head.kernel)
    head.kernel.assign(head.kernel * (_LOGIT_SPREAD / logits.std()))


def main() -> None:
    """Write the model and the pictures named on the command line."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    keras.utils.set_random_seed(0)
    model = MODELS[name]()
    samples = pictures(*model.input_shape[1:])
    enliven(model, samples)
    model.save(folder / f"{name}.keras")
    np.save(folder / f"{name}.npy", samples)


if __name__ == "__main__":
    main()
