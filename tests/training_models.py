"""Small nets and samples for the tests of training; also a script that trains and kills itself.

``python training_models.py FOLDER EPOCH.BATCH``: it is killed after that batch, and has its checkpoint in FOLDER.
"""

import os
import signal
import sys
from pathlib import Path

import keras_models
import numpy as np

from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.train import Training
from lepton_edge_runtime.preprocess import Preprocess

SIZE, CLASSES = keras_models.SIZE, keras_models.CLASSES
SHRUNK = 12  # every second pixel: steps are quick


def stored(folder, *, count=160, labels=True, seed=0):
    """Return patterns as pictures on disk, with their classes or without."""
    pictures, targets = keras_models.patterns(count, seed=seed)
    path = folder / f"pictures_{count}_{seed}.npy"
    np.save(path, pictures[:, ::2, ::2])
    preprocess = Preprocess(size=(SHRUNK, SHRUNK), color="rgb", range=(0.0, 1.0))
    return StoredSamples((path,), (preprocess,), targets.astype(np.int64) if labels else None)


def numbers(folder, *arrays, targets=None):
    """Return arrays as model-ready samples on disk, one an input."""
    paths = tuple(folder / f"numbers_{i}.npy" for i in range(len(arrays)))
    for path, array in zip(paths, arrays, strict=True):
        np.save(path, array)
    return StoredSamples(paths, (None,) * len(arrays), targets)


def net(*, dropout=0.0, activation="softmax", seed=3):
    """Return an untrained net with two batch normalizations."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(seed)
    picture = keras.Input((SHRUNK, SHRUNK, 3), name="picture")
    x = picture
    for i, filters in enumerate((6, 8)):
        x = layers.Conv2D(filters, 3, strides=2, name=f"conv_{i}")(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9, name=f"norm_{i}")(x))
    x = layers.Flatten()(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    return keras.Model(picture, layers.Dense(CLASSES, activation=activation, name="classes")(x))


def perturbed(model, amount, seed=0):
    """Change a model's weights at random, by an amount of each one's own spread."""
    rng = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        values = weight.numpy()
        weight.assign(values + amount * rng.normal(size=values.shape) * (values.std() + 0.05))
    return model


def settings(**changed):
    """Return settings under which each of the little helps is used."""
    return Training(**{"epochs": 3, "batch_size": 32, "learning_rate": 3e-3, "seed": 5, **changed})


def train_all(folder, progress):
    """Train with all that draws by lot, a checkpoint in ``folder``; return the model and how it went."""
    from lepton_edge_converters.training.recovery import recover

    model, how = net(dropout=0.3), settings(augment="flip+shift", patience=9)
    state = folder / "state"
    return model, recover(model, stored(folder), how, teacher=net(seed=4), checkpoint=state, progress=progress)


def kill_at(moment):
    """Return a progress function that kills this process after ``epoch.batch``."""

    def report(what, done, _total):
        if what.startswith("training, epoch") and f"{what.split()[2]}.{done}" == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    return report


if __name__ == "__main__":
    train_all(Path(sys.argv[1]), kill_at(sys.argv[2]))
