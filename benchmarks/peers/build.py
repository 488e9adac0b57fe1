"""Builds the Keras models that peers are compared on; run as a child, since it imports TensorFlow.

``python -m benchmarks.peers.build NAME FOLDER`` writes ``model.keras``, ``samples.npy`` and ``frames.npy``, and for
detectors ``truth.json``: what is on each frame.
"""

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from benchmarks.keras_models import pictures
from benchmarks.peers.detector import detector, settle
from benchmarks.peers.squares import LABELS, frames
from benchmarks.tutorial import letterbox

layers = keras.layers

_FRAMES = 10
_SURE_OF = 60  # pictures, of which the frames are those whose class is least in doubt
_SPREAD, _NOISE = 4.0, 0.2  # of the logits: what decides, and what the backbone adds
_PATCH = 28


def classifier() -> tuple[Any, NDArray[np.uint8], NDArray[np.uint8]]:
    """Return MobileNetV2 for raw bytes, its samples, and frames of 720 × 1280.

    Its weights are random, and its classes would hang on each rounding: so what decides is the colours of 8 × 8
    patches, and the backbone, computed as ever, adds a little.
    """
    pixels = keras.Input((224, 224, 3), name="image")
    scaled = layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    body = keras.applications.MobileNetV2(weights=None, input_tensor=scaled, include_top=False, pooling="avg")
    seen = layers.Flatten()(layers.AveragePooling2D(_PATCH)(scaled))
    noise, deciding = layers.Dense(1000, name="noise")(body.output), layers.Dense(1000, name="deciding")(seen)
    model = keras.Model(pixels, layers.Softmax(name="predictions")(layers.Add()([noise, deciding])))
    samples = pictures(224, 224, 3)
    for name, spread in (("deciding", _SPREAD), ("noise", _NOISE)):
        _spread(model, name, spread, samples[:32])
    answers = np.sort(np.asarray(model(samples[:_SURE_OF].astype(np.float32), training=False)), axis=1)
    surest = np.argsort(answers[:, -2] - answers[:, -1])[:_FRAMES]
    shown = [cv2.cvtColor(cv2.resize(samples[i], (1280, 720)), cv2.COLOR_RGB2BGR) for i in surest]
    return model, samples, np.stack(shown)


def _spread(model: Any, name: str, spread: float, samples: NDArray[np.uint8]) -> None:
    """Bring a layer's numbers to a standard deviation, the batch normalizations to the samples' own statistics."""
    real = samples.astype(np.float32)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0
    model(real, training=True)
    layer = model.get_layer(name)
    found = np.asarray(keras.Model(model.inputs, layer.output)(real, training=False)).std()
    layer.kernel.assign(layer.kernel * (spread / found))


def main() -> None:
    """Write what is named on the command line."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    keras.utils.set_random_seed(0)
    if name == "classify":
        model, samples, shown = classifier()
    else:
        size = int(name.split("_")[1])
        shown, known = frames(_FRAMES, size, (12, 5, 2) if size >= 640 else (6, 1, 0))
        samples = np.stack([cv2.cvtColor(letterbox(one, size, size), cv2.COLOR_BGR2RGB) for one in shown])
        model = detector(size, pixels=name.endswith("pixels"))
        settle(model, samples)
        truth = [[(LABELS[class_id], 1.0, box) for class_id, box in squares] for squares in known]
        (folder / "truth.json").write_text(json.dumps(truth), encoding="ascii")
    model.save(folder / "model.keras")
    np.save(folder / "samples.npy", samples)
    np.save(folder / "frames.npy", shown)


if __name__ == "__main__":
    main()
