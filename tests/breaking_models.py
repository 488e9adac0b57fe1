"""A small digit reader, and the same one changed so that plain int8 breaks it and float does not; made in the worker.

*Imbalanced*: batch normalizations scale two channels five hundred times the others, and the next convolution divides by
it again. *Long-tailed*: one more channel is nearly always silent and now and then enormous, and nobody listens to it.
"""

from pathlib import Path

import keras_models
import numpy as np

_GREY = 16  # a digit's pixels go from 0 to this
GUILTY = ("first_conv", "second_conv", "third_conv", "fourth_conv")
"""The layers that make or read an unequal tensor."""


def digits():
    """Return all digits, shuffled: n × 8 × 8 × 1, ``uint8`` from 0 to 255, and which they are; the first 1000 teach."""
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(5).permutation(len(found.target))
    pictures = (found.images[..., np.newaxis] * (255 / _GREY)).astype(np.uint8)
    return pictures[order], found.target[order]


def save(folder):
    """Train a reader; save it as ``healthy.keras``, and changed as ``long_tailed.keras`` and ``imbalanced.keras``."""
    import keras

    keras.utils.set_random_seed(3)
    model = _reader(keras)
    pictures, targets = digits()
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    model.fit(pictures[:1000].astype(np.float32), targets[:1000], epochs=15, batch_size=32, verbose=0)
    model.save(Path(folder, "healthy.keras"))
    _long_tailed(keras, model, pictures[:1000]).save(Path(folder, "long_tailed.keras"))
    for before, after in (GUILTY[:2], GUILTY[2:]):
        keras_models.unbalance(model.get_layer(before.replace("conv", "bn")), model.get_layer(after), channels=[0, 1])
    model.save(Path(folder, "imbalanced.keras"))


def _reader(keras, *, third=32):
    layers = keras.layers

    def block(x, width, name, *, strides=1):
        x = layers.Conv2D(width, 3, strides=strides, padding="same", name=f"{name}_conv")(x)
        return layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x))

    picture = keras.Input((8, 8, 1), name="picture")
    x = block(layers.Rescaling(1 / 255, name="scaled")(picture), 16, "stem")
    x = layers.Add(name="join")([x, block(block(x, 16, "first"), 16, "second")])
    x = block(block(x, third, "third", strides=2), 32, "fourth")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(picture, layers.Dense(10, activation="softmax", name="digit")(x), name="digits")


def _long_tailed(keras, model, pictures):
    """Return the reader with a channel that two places in a thousand drive to hundreds of times the others."""
    tailed = _reader(keras, third=33)
    for layer in model.layers:
        if layer.name not in ("third_conv", "third_bn", "fourth_conv"):
            tailed.get_layer(layer.name).set_weights(layer.get_weights())
    seen = keras.Model(model.input, model.get_layer("join").output).predict(pictures.astype(np.float32), verbose=0)
    usual = np.quantile(seen[:, 1::2, 1::2].sum(axis=-1), 0.998)
    kernel, bias = model.get_layer("third_conv").get_weights()
    loud = np.zeros_like(kernel[..., :1])
    loud[1, 1] = 500.0  # the middle of the kernel sums all channels
    weights = [np.concatenate([kernel, loud], axis=-1), np.append(bias, -500.0 * usual)]
    tailed.get_layer("third_conv").set_weights(weights)
    as_it_is = (1.0, 0.0, 0.0, 1.0)  # gamma, beta, mean, variance
    statistics = model.get_layer("third_bn").get_weights()
    tailed.get_layer("third_bn").set_weights([np.append(o, v) for o, v in zip(statistics, as_it_is, strict=True)])
    kernel, bias = model.get_layer("fourth_conv").get_weights()
    deaf = np.zeros_like(kernel[:, :, :1])
    tailed.get_layer("fourth_conv").set_weights([np.concatenate([kernel, deaf], axis=2), bias])
    return tailed


def trace(model, folder, data):
    """Return facts of a model's file, its trace in ``folder``, and ``data`` stored there as samples."""
    from lepton_edge_converters.load.from_file import load_file
    from lepton_edge_converters.load.loaded import LoadOptions
    from lepton_edge_converters.load.trace import trace as trace_model
    from lepton_edge_converters.samples import StoredSamples

    loaded = load_file(model, LoadOptions(), {})
    facts = loaded.describe(sha256="", picture_size=None, sample_shapes=[])
    traced = Path(folder, "traced")
    trace_model(loaded, facts, traced)
    path = Path(folder, "samples.npy")
    np.save(path, data)
    return facts, traced, StoredSamples((path,), (None,))


def quantize_both_ways(traced, samples):
    """Return a traced model quantized by TensorFlow's own call, and by ours; without the converter's note of itself."""
    import tensorflow as tf

    from lepton_edge_converters.exporters.flatbuffer import without_metadata
    from lepton_edge_converters.exporters.tflite import calibration_feed
    from lepton_edge_converters.quantize.engine import calibrate, quantize

    converter = tf.lite.TFLiteConverter.from_saved_model(str(traced))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.representative_dataset = lambda: calibration_feed(samples)
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    theirs = without_metadata(converter.convert(), "CONVERSION_METADATA")
    return theirs, without_metadata(quantize(calibrate(traced, samples).read_bytes(), io="uint8"), "")
