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


def _roomy(keras, layers):
    """Far wider than four patterns need: there is something to prune."""
    return _train(
        keras.Sequential(
            [
                keras.Input((SIZE, SIZE, 3), name="picture"),
                layers.Rescaling(1 / 255),
                layers.Conv2D(64, 3, strides=2, padding="same", activation="relu"),
                layers.Conv2D(96, 3, padding="same", activation="relu"),
                layers.Conv2D(96, 3, strides=2, padding="same", activation="relu"),
                layers.GlobalAveragePooling2D(),
                layers.Dense(CLASSES, activation="softmax", name="classes"),
            ],
            name="roomy",
        )
    )


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


def traits(count, *, seed=0):
    """Return n × 16 numbers, and which of three things hold of them, ``float32``: any number of them may."""
    numbers = np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)
    weights = np.random.default_rng(97).normal(size=(16, 3))
    return numbers, (numbers @ weights > 0).astype(np.float32)


def _several(keras, layers):
    model = keras.Sequential(
        [
            keras.Input((16,), name="numbers"),
            layers.Dense(16, activation="relu"),
            layers.Dense(3, activation="sigmoid"),
        ],
        name="several",
    )
    model.compile("adam", "binary_crossentropy")
    model.fit(*traits(256), epochs=30, batch_size=16, verbose=0)
    return model


def _halved(keras, layers):
    # Half of each share, and an eighth more for each class: shares, but no softmax's own.
    numbers = keras.Input((16,), name="numbers")
    shares = layers.Dense(4, activation="softmax")(numbers)
    return keras.Model(numbers, layers.Rescaling(0.5, offset=0.125)(shares), name="halved")


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


def _one_score(keras, layers):
    model = keras.Sequential([keras.Input((16,), name="numbers"), layers.Dense(8, activation="relu"), layers.Dense(1)])
    numbers, targets = clusters(256)
    chosen = targets < 2
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    model.fit(numbers[chosen], targets[chosen], epochs=30, batch_size=16, verbose=0)
    return model


def rising(count):
    """Return n × 8 numbers whose level rises from sample to sample, the last ones a hundred times the first."""
    return (np.geomspace(0.01, 1, count)[:, np.newaxis] * np.ones(8)).astype(np.float32)


def _one_number(keras, layers):
    # 90 for the smallest of the samples that rise, 91 for the largest: what tells them apart is small.
    numbers = keras.Input((8,), name="numbers")
    dense = layers.Dense(1, name="level")
    model = keras.Model(numbers, dense(numbers), name="one_number")
    dense.set_weights([np.full((8, 1), 1 / 8), np.array([90.0])])
    return model


def _one_of(make):
    def build(keras, layers):
        picture, hidden = make(keras, layers)
        scores = layers.Dense(3, name="scores")(hidden)
        return keras.Model(picture, scores, name="one_of")

    return build


@_one_of
def _built_for_one(keras, layers):
    numbers = keras.Input((8,), batch_size=1, name="numbers")
    return numbers, numbers


@_one_of
def _reshaped_to_one(keras, layers):
    numbers = keras.Input((2, 4), name="numbers")
    return numbers, keras.ops.reshape(numbers, (1, 8))


@_one_of
def _mixing(keras, layers):
    numbers = keras.Input((8,), name="numbers")
    return numbers, numbers + keras.ops.max(numbers, axis=0, keepdims=True)


def _square_root(keras, layers):
    numbers = keras.Input((8,), name="numbers")
    return keras.Model(numbers, layers.Dense(3, name="sums")(keras.ops.sqrt(numbers)), name="square_root")


def tinted(count, *, seed=0):
    """Return n × 24 × 24 × 3 noise, ``uint8``, RGB, and whether its red (0) or its blue (1) is the brighter."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 2, count)
    level = np.stack([140 - 30 * targets, np.full(count, 120), 110 + 30 * targets], axis=-1)
    noise = rng.normal(level[:, np.newaxis, np.newaxis], 60, (count, SIZE, SIZE, 3))
    return np.clip(noise, 0, 255).astype(np.uint8), targets


def _tints(keras, layers):
    # Untrained: red less blue.
    picture = keras.Input((SIZE, SIZE, 3), name="picture")
    mean = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(picture))
    dense = layers.Dense(2, activation="softmax")
    model = keras.Model(picture, dense(mean), name="tints")
    dense.set_weights([np.array([[20.0, -20], [0, 0], [-20, 20]]), np.zeros(2)])
    return model


def _pooled(keras, layers):
    picture = keras.Input((SIZE, SIZE, 3), name="picture")
    x = layers.Conv2D(8, 3, strides=2, activation="relu")(layers.Rescaling(1 / 255)(picture))
    x = layers.Flatten()(layers.AveragePooling2D(11)(x))
    dense = layers.Dense(CLASSES, activation="softmax", name="classes", bias_initializer="random_normal")
    return _train(keras.Model(picture, dense(x), name="pooled"))


def _mixed(keras, layers):
    half = {"dtype": "mixed_float16"}
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3), name="picture"),
            layers.Rescaling(1 / 255, **half),
            layers.Conv2D(8, 3, strides=2, activation="relu", **half),
            layers.Flatten(**half),
            layers.Dense(CLASSES, activation="softmax"),
        ],
        name="mixed",
    )
    return _train(model, epochs=2)


def _imbalanced(keras, layers):
    # A few channels five hundred times as large as the rest, and the next layer's weights as much smaller: the
    # answers are the same, and in 8 bits the other channels have one grey level left.
    picture = keras.Input((SIZE, SIZE, 3), name="picture")
    x = layers.Rescaling(1 / 255)(picture)
    for i, filters in enumerate((12, 16, 16)):
        x = layers.Conv2D(filters, 3, strides=2 if i else 1, padding="same", name=f"conv_{i}")(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.7, name=f"norm_{i}")(x))
    answer = layers.Dense(CLASSES, activation="softmax", name="classes")(layers.GlobalAveragePooling2D()(x))
    model = _train(keras.Model(picture, answer, name="imbalanced"))
    for norm, after in (("norm_0", "conv_1"), ("norm_1", "conv_2")):
        unbalance(model.get_layer(norm), model.get_layer(after))
    return model


def unbalance(norm, conv, *, channels=None, factor=500.0):
    """Scale channels up, by default the two that a convolution makes least of, and its weights for them down."""
    kernel, *rest = conv.get_weights()
    gamma, beta, *moving = norm.get_weights()
    chosen = np.argsort(np.abs(kernel).sum((0, 1, 3)))[:2] if channels is None else channels
    gamma[chosen] *= factor
    beta[chosen] *= factor
    kernel[:, :, chosen] /= factor
    norm.set_weights([gamma, beta, *moving])
    conv.set_weights([kernel, *rest])


def _loud(keras, layers):
    # One channel 500 times as loud as the others, through an activation that no scale passes: nothing but float helps.
    numbers = keras.Input((16,), name="numbers")
    x = layers.Dense(32, activation="swish", name="loud", bias_initializer="ones")(numbers)
    x = layers.Dense(16, activation="relu", name="quiet")(x)
    for i in range(8):
        x = layers.Dense(16, activation="relu", name=f"more_{i}")(x)
    model = keras.Model(numbers, layers.Dense(3, activation="softmax", name="classes")(x), name="loud")
    points, targets = clusters(256)
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
    model.fit(points, targets, epochs=20, batch_size=16, verbose=0)
    for name, axis, factor in (("loud", 1, 500.0), ("quiet", 0, 1 / 500)):
        kernel, bias = model.get_layer(name).get_weights()
        np.moveaxis(kernel, axis, 0)[0] *= factor
        model.get_layer(name).set_weights([kernel, bias])
    return model


def _long_tail(keras, layers):
    # Normalized after the activation, where nothing folds it into the convolution before: each activation has a
    # scale of its own, spread over four powers of ten, and the normalization hides it from all that follow.
    picture = keras.Input((SIZE, SIZE, 3), name="picture")
    x = layers.Rescaling(1 / 255)(picture)
    for i, filters in enumerate((12, 16, 16)):
        x = layers.Conv2D(filters, 3, strides=2 if i else 1, padding="same", activation="relu", name=f"conv_{i}")(x)
        x = layers.BatchNormalization(momentum=0.7, name=f"norm_{i}")(x)
    answer = layers.Dense(CLASSES, activation="softmax", name="classes")(layers.GlobalAveragePooling2D()(x))
    model = _train(keras.Model(picture, answer, name="long_tail"))
    for i in range(3):
        spread(model.get_layer(f"conv_{i}"), model.get_layer(f"norm_{i}"), seed=i)
    return model


def spread(conv, norm, *, seed):
    """Scale each channel of a convolution by a long-tailed factor, which the normalization after it takes back."""
    kernel, bias = conv.get_weights()
    gamma, beta, mean, variance = norm.get_weights()
    factors = np.random.default_rng(seed).lognormal(0, 2.5, len(bias)).astype(np.float32)
    # The variance is never quite without epsilon: the scale is what stays exact.
    conv.set_weights([kernel * factors, bias * factors])
    scaled = variance * factors**2
    norm.set_weights(
        [gamma * np.sqrt((scaled + norm.epsilon) / (variance + norm.epsilon)) / factors, beta, mean * factors, scaled]
    )


def _recurrent(kind):
    def make(keras, layers):
        tokens = keras.Input((STEPS if kind != "open" else None,), dtype="int32", name="tokens")
        x = layers.Embedding(WORDS, 16)(tokens)
        if kind == "bidirectional":
            x = layers.GlobalAveragePooling1D()(layers.Bidirectional(layers.LSTM(8, return_sequences=True))(x))
        elif kind == "stacked":
            x = layers.GRU(12)(layers.LSTM(12, return_sequences=True)(x))
        else:
            x = {"lstm": layers.LSTM, "gru": layers.GRU, "open": layers.LSTM}[kind](16)(x)
        model = keras.Model(tokens, layers.Dense(CLASSES, activation="softmax")(x), name=kind)
        sentences, topics = texts(400)
        model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
        model.fit(sentences, topics, epochs=6, batch_size=32, verbose=0)
        return model

    return make


STEPS, WORDS = 16, 60
for _kind in ("lstm", "gru", "bidirectional", "stacked", "open"):
    globals()[f"_{_kind}"] = _recurrent(_kind)


def texts(count, *, steps=STEPS, seed=0):
    """Return n × steps tokens, ``int32``, and their topic: which of four groups of words they use most."""
    rng = np.random.default_rng(seed)
    topics = rng.integers(0, CLASSES, count)
    sentences = rng.integers(0, 20, (count, steps))
    spoken = rng.random((count, steps)) < 0.4
    words = 20 + 10 * topics[:, np.newaxis] + rng.integers(0, 10, (count, steps))
    return np.where(spoken, words, sentences).astype(np.int32), topics


def export_softmax_layer(folder):
    """Export a model whose softmax is a layer of its own as a SavedModel; runs in the worker."""
    import keras

    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential([keras.Input((16,), name="numbers"), layers.Dense(3), layers.Softmax()])
    model.export(folder, verbose=False)


def save_keras2(path):
    """Save a Keras 2 model as HDF5, a Sequential of Sequentials as Teachable Machine's are; runs in the worker."""
    import tf_keras

    tf_keras.utils.set_random_seed(1)
    layers = tf_keras.layers
    seeing = tf_keras.Sequential(
        [
            layers.InputLayer((SIZE, SIZE, 3)),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.DepthwiseConv2D(3),  # its config says groups, which Keras 3 refuses
            layers.GlobalAveragePooling2D(),
        ]
    )
    deciding = tf_keras.Sequential([layers.InputLayer((8,)), layers.Dense(CLASSES, activation="softmax")])
    model = tf_keras.Sequential([seeing, deciding])
    pictures, targets = patterns(256)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(pictures / np.float32(127.5) - 1, targets, epochs=12, batch_size=16, verbose=0)
    model.save(path, save_format="h5")


def save_signatures(path, names):
    """Save a SavedModel with these signatures, each scaling by another factor; runs in the worker."""
    import tensorflow as tf

    module = tf.Module()
    module.weight = tf.Variable(tf.eye(4), name="weight")

    def scaled(factor):
        return tf.function(
            lambda x: {"scaled": tf.matmul(x, module.weight) * factor, "chance": tf.nn.softmax(x)},
            input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")],
        )

    functions = {name: scaled(float(i + 2)) for i, name in enumerate(names)}
    module.functions = list(functions.values())
    signatures = {name: function.get_concrete_function() for name, function in functions.items()}
    tf.saved_model.save(module, str(path), signatures=signatures)


def save_export(kind, path):
    """Save a model as Keras 3 exports it for serving; runs in the worker."""
    build(kind).export(str(path), verbose=False)


def save_custom(path):
    """Save a model with a layer of its own, and one with a Lambda layer beside it; runs in the worker."""
    import keras
    from custom_layers import Double

    numbers = keras.Input((4,), name="numbers")
    keras.Model(numbers, Double()(numbers), name="custom").save(path / "custom.keras")
    halved = keras.layers.Lambda(lambda x: x / 2, name="half", output_shape=(4,))(numbers)
    keras.Model(numbers, halved, name="lambda").save(path / "lambda.keras")
    keras.Model(numbers, keras.layers.Dense(2)(numbers)).save_weights(path / "some.weights.h5")
