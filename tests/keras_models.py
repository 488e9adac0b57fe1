"""Small Keras models for the tests, made and saved in the converter's worker process.

Their pictures are four coarse patterns with noise, so that a few epochs teach them and decisions are clear.
"""

from pathlib import Path

import numpy as np

SIZE = 24
CLASSES = 4


def patterns(count, *, channels=3, seed=0):
    """Return n × 24 × 24 × channels, ``uint8``, and which of four patterns each is."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, CLASSES, count)
    coarse = np.random.default_rng(99).integers(0, 256, (CLASSES, 4, 4, channels))
    clean = np.kron(coarse[targets], np.ones((1, SIZE // 4, SIZE // 4, 1)))
    return np.clip(clean + rng.normal(0, 20, clean.shape), 0, 255).astype(np.uint8), targets


def build(kind):
    """Return a trained model of this kind; imports Keras."""
    import keras

    keras.utils.set_random_seed(1)
    return globals()[f"_{kind}"](keras, keras.layers)


def save(kind, path):
    """Build and save; runs in the worker."""
    build(kind).save(Path(path))


def _train(model, inputs=None, *, targets=None, epochs=12):
    pictures, classes = patterns(256)
    model.compile("adam", "sparse_categorical_crossentropy")
    x = pictures.astype(np.float32) if inputs is None else inputs
    model.fit(x, classes if targets is None else targets, epochs=epochs, batch_size=16, verbose=0)
    return model


def _sequential(keras, layers):
    return _train(
        keras.Sequential(
            [
                keras.Input((SIZE, SIZE, 3), name="picture"),
                layers.Rescaling(1 / 255),
                layers.Conv2D(8, 3, activation="relu"),
                layers.MaxPooling2D(),
                layers.DepthwiseConv2D(3, padding="same"),
                layers.ReLU(6.0),
                layers.Flatten(),
                layers.Dense(CLASSES, activation="softmax", name="classes"),
            ],
            name="patterns",
        )
    )


def _subclassed(keras, layers):
    class Small(keras.Model):
        def __init__(self):
            super().__init__(name="small")
            self.conv = layers.Conv2D(8, 3, strides=2, activation="relu")
            self.flat = layers.Flatten()
            self.dense = layers.Dense(CLASSES, activation="softmax")

        def call(self, pictures, training=False):
            return self.dense(self.flat(self.conv(pictures / 255.0)))

    return _train(Small())


def _nested(keras, layers):
    # Named as converted PyTorch models are; TensorFlow refuses "_fc" as a scope, so it is trained unnamed.
    def network(last):
        base = keras.Sequential(
            [layers.Rescaling(1 / 127.5, -1), layers.Conv2D(8, 3, strides=2, activation="relu"), layers.Flatten()],
            name="base",
        )
        picture = keras.Input((SIZE, SIZE, 3), name="picture")
        return keras.Model(
            picture, layers.Dense(CLASSES, activation="softmax", name=last)(base(picture)), name="nested"
        )

    trained = _train(network("fc"))
    renamed = network("_fc")
    renamed.set_weights(trained.get_weights())
    return renamed


def _two_inputs(keras, layers):
    photo = keras.Input((SIZE, SIZE, 3), name="photo")
    sensor = keras.Input((5,), name="sensor-b")
    seen = layers.Flatten()(layers.Conv2D(8, 3, strides=2, activation="relu")(photo))
    both = layers.Concatenate()([seen, layers.Dense(8, activation="relu")(sensor)])
    model = keras.Model([photo, sensor], layers.Dense(CLASSES, activation="softmax")(both), name="two_inputs")
    pictures, targets = patterns(256)
    return _train(model, [pictures / np.float32(255), sensors(targets)])


def sensors(targets):
    """Return n × 5 numbers that go with the patterns."""
    return np.eye(5, dtype=np.float32)[targets] * 2 - 1


def _many_outputs(keras, layers):
    # Names whose order is not that of the outputs, and not that in which TensorFlow gives them.
    picture = keras.Input((SIZE, SIZE, 3), name="picture")
    seen = layers.Conv2D(8, 3, strides=2, activation="relu")(layers.Rescaling(1 / 255)(picture))
    flat = layers.GlobalAveragePooling2D()(seen)
    outputs = {"zeta": layers.Dense(4, activation="softmax")(flat), "alpha": layers.Dense(2)(flat), "map": seen}
    return keras.Model(picture, outputs, name="many_outputs")


def _vit(keras, layers):
    picture = keras.Input((SIZE, SIZE, 3), name="picture")
    x = layers.Conv2D(32, 6, strides=6)(layers.Rescaling(1 / 127.5, -1)(picture))
    x = layers.Reshape((16, 32))(x)
    hidden = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.MultiHeadAttention(2, 16)(hidden, hidden)])
    hidden = layers.Dense(64, activation="gelu")(layers.LayerNormalization()(x))
    x = layers.Add()([x, layers.Dense(32)(hidden)])
    answer = layers.Dense(CLASSES, activation="softmax")(layers.GlobalAveragePooling1D()(x))
    return _train(keras.Model(picture, answer, name="vit"))


def _logits(keras, layers):
    model = keras.Sequential(
        [keras.Input((16,), name="numbers"), layers.Dense(32, activation="relu"), layers.Dense(3)], name="logits"
    )
    numbers, targets = clusters(256)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(numbers, targets, epochs=15, batch_size=16, verbose=0)
    return model


def clusters(count, *, seed=0):
    """Return n × 16 numbers around three points, and which point each is near."""
    rng = np.random.default_rng(seed)
    points = np.random.default_rng(98).normal(size=(3, 16))
    targets = rng.integers(0, 3, count)
    return (points[targets] + 0.3 * rng.normal(size=(count, 16))).astype(np.float32), targets


def _binary(keras, layers):
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3), name="picture"),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid"),
        ],
        name="binary",
    )
    pictures, targets = patterns(256)
    model.compile("adam", "binary_crossentropy")
    model.fit(pictures.astype(np.float32), targets > 1, epochs=8, batch_size=16, verbose=0)
    return model


def _grey(keras, layers):
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1), name="picture"),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(CLASSES, activation="softmax"),
        ],
        name="grey",
    )
    pictures, targets = patterns(256, channels=1)
    return _train(model, pictures / np.float32(255), targets=targets)


def _broken(keras, layers):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax", name="dense")], name="broken")
    model.layers[0].set_weights([np.full((4, 3), np.nan), np.zeros(3)])
    return model


def _floor_mod(keras, layers):
    # An operator that TFLite has only in float: an int8 file would hide it between two conversions.
    numbers = keras.Input((16,), name="numbers")
    hidden = layers.Dense(8, activation="relu")(numbers)
    folded = keras.ops.mod(hidden, 1.5)
    return keras.Model(numbers, layers.Dense(3, activation="softmax")(folded), name="floor_mod")


def _wide(keras, layers):
    # Untrained: only its size counts.
    numbers = keras.Input((64,), name="numbers")
    hidden = layers.Dense(512, activation="relu")(numbers)
    return keras.Model(numbers, layers.Dense(64)(layers.Dense(256, activation="relu")(hidden)), name="wide")
