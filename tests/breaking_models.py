"""Small digit readers that plain int8 breaks, and a healthy one beside them; made in the converter's worker.

Both kinds are found in the wild: a network whose batch normalizations scale two channels five hundred times
the others (the next convolution divides by it again: in float nothing changes), and one whose normalization comes
after the activation, so that it cannot be folded and long tails stay.
"""

from pathlib import Path

import numpy as np

GREY = 16  # a digit's pixels go from 0 to this


def digits():
    """Return digits to learn from and digits to judge with: n × 8 × 8 × 1, ``uint8`` to 255, and what they are."""
    from sklearn.datasets import load_digits

    found = load_digits()
    pictures = (found.images[..., np.newaxis] * (255 / GREY)).astype(np.uint8)
    order = np.random.default_rng(5).permutation(len(pictures))
    learn, judge = order[:1000], order[1000:]
    return (pictures[learn], found.target[learn]), (pictures[judge], found.target[judge])


def save(kind, path):
    """Build, train, break and save; runs in the worker."""
    import keras

    keras.utils.set_random_seed(3)
    globals()[f"_{kind}"](keras, keras.layers).save(Path(path))


def _trained(keras, layers, after_activation, *, epochs=15):
    """A residual digit reader; ``after_activation`` puts the normalization behind the activation."""

    def block(x, width, name, *, strides=1):
        x = layers.Conv2D(width, 3, strides=strides, padding="same", name=f"{name}_conv")(x)
        if after_activation:
            return layers.BatchNormalization(name=f"{name}_bn")(layers.ReLU(name=f"{name}_relu")(x))
        return layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(name=f"{name}_bn")(x))

    picture = keras.Input((8, 8, 1), name="picture")
    x = block(layers.Rescaling(1 / 255)(picture), 16, "stem")
    x = layers.Add(name="join")([x, block(block(x, 16, "first"), 16, "second")])
    x = block(block(x, 32, "third", strides=2), 32, "fourth")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(picture, layers.Dense(10, activation="softmax", name="digit")(x), name="digits")
    pictures, targets = digits()[0]
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(pictures.astype(np.float32), targets, epochs=epochs, batch_size=32, verbose=0)
    return model


def _healthy(keras, layers):
    return _trained(keras, layers, after_activation=False)


def _imbalanced(keras, layers):
    model = _trained(keras, layers, after_activation=False)
    for before, after in (("first", "second"), ("third", "fourth")):
        _scale(model, f"{before}_bn", f"{after}_conv", 500.0)
    return model


def _scale(model, normalization, convolution, factor):
    """Scale two channels by ``factor`` and the next convolution's answer to them by its inverse: ReLU bears it."""
    gamma, beta, *statistics = model.get_layer(normalization).get_weights()
    gamma[:2] *= factor
    beta[:2] *= factor
    model.get_layer(normalization).set_weights([gamma, beta, *statistics])
    kernel, bias = model.get_layer(convolution).get_weights()
    kernel[:, :, :2] /= factor
    model.get_layer(convolution).set_weights([kernel, bias])


def _long_tailed(keras, layers):
    return _trained(keras, layers, after_activation=True)
