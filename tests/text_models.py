"""Keras models that take texts, and what Keras' own TextVectorization makes of texts; built in a worker process."""

from pathlib import Path

import numpy as np

GOOD = ("lovely", "great", "wonderful", "superb", "charming")
BAD = ("awful", "dull", "boring", "dreadful", "poor")
_OTHERS = ("the", "a", "film", "was", "this", "plot", "and", "very", "It's", "Café,", "naïve")


def reviews(count, seed=0):
    """Return texts and whether each is a good word for a film: 0 or 1."""
    rng = np.random.default_rng(seed)
    classes = [i % 2 for i in range(count)]
    texts = []
    for one in classes:
        words = [*rng.choice(_OTHERS, rng.integers(3, 9)), *rng.choice(GOOD if one else BAD, rng.integers(1, 3))]
        texts.append(" ".join(rng.permutation(words)) + str(rng.choice(["!", ".", " ?", ""])))
    return texts, classes


def build(kind):
    """Return a trained model of this kind; imports Keras."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(1)
    texts, classes = reviews(200)
    model = globals()[f"_{kind}"](keras, keras.layers, texts)
    single = model.output_shape[-1] == 1
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy" if single else "sparse_categorical_crossentropy")
    if model.inputs[0].dtype == "string":
        model.fit(tf.constant(texts)[:, tf.newaxis], np.array(classes), epochs=12, verbose=0)
    return model


def save(kind, path):
    """Build and save; runs in the worker."""
    build(kind).save(Path(path))


def _vectorization(layers, texts, **settings):
    layer = layers.TextVectorization(**{"output_sequence_length": 12, **settings})
    layer.adapt(texts)
    return layer


def _sentiment(keras, layers, texts):
    """An embedding averaged: the usual first model of texts."""
    words = _vectorization(layers, texts)
    return keras.Sequential(
        [
            keras.Input((1,), dtype="string", name="review"),
            words,
            layers.Embedding(words.vocabulary_size(), 8),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1, activation="sigmoid", name="good"),
        ],
        name="sentiment",
    )


def _bag(keras, layers, texts):
    """Functional, a weight for each word, two classes."""
    words = _vectorization(layers, texts, output_mode="tf_idf", output_sequence_length=None, ngrams=2)
    review = keras.Input((1,), dtype="string", name="review")
    return keras.Model(review, layers.Dense(2, activation="softmax", name="good")(words(review)), name="bag")


def _masked(keras, layers, texts):
    """Recurrent, blind to what fills up."""
    words = _vectorization(layers, texts, split="character", output_sequence_length=24)
    review = keras.Input((1,), dtype="string", name="review")
    known = layers.Embedding(words.vocabulary_size(), 6, mask_zero=True)(words(review))
    return keras.Model(review, layers.Dense(2, activation="softmax")(layers.GRU(6)(known)), name="masked")


def _indices(keras, layers, texts):
    """No TextVectorization: it takes indices, and does not say of what."""
    del texts
    return keras.Sequential(
        [
            keras.Input((12,), dtype="int32", name="words"),
            layers.Embedding(40, 8),
            layers.GlobalAveragePooling1D(),
            layers.Dense(2, activation="softmax"),
        ],
        name="indices",
    )


def _averaged(keras, layers, words):
    review = keras.Input((1,), dtype="string", name="review")
    known = layers.Embedding(64, 4)(words(review))
    return keras.Model(review, layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling1D()(known)))


def _ragged_length(keras, layers, texts):
    return _averaged(keras, layers, _vectorization(layers, texts, output_sequence_length=None))


def _own_split(keras, layers, texts):
    import tensorflow as tf

    @keras.saving.register_keras_serializable("tests")
    def by_commas(text):
        return tf.strings.split(text, ",")

    return _averaged(keras, layers, _vectorization(layers, texts, split=by_commas))


def _two_texts(keras, layers, texts):
    words = _vectorization(layers, texts, output_mode="multi_hot", output_sequence_length=None)
    ends = [keras.Input((1,), dtype="string", name=name) for name in ("title", "review")]
    return keras.Model(ends, layers.Dense(2, activation="softmax")(layers.Concatenate()([words(one) for one in ends])))


def refusal(kind):
    """Return what the converter says of an untrained model; runs in the worker."""
    import keras

    from lepton_edge_converters.errors import LoadError
    from lepton_edge_converters.load.keras3 import Keras3Model

    try:
        model = globals()[f"_{kind}"](keras, keras.layers, reviews(20)[0])
        Keras3Model(model).describe(sha256="", picture_size=None, sample_shapes=[])
    except LoadError as refused:
        return str(refused)
    return ""


def vectorized(settings, adapted, texts):
    """Return what is known of a layer, as the converter reads it, and what the layer makes of texts; in the worker."""
    import keras

    from lepton_edge_converters.load.text import _facts, vectorize

    layer = keras.layers.TextVectorization(**settings)
    layer.adapt(adapted)
    return _facts(layer), vectorize(layer, texts)
