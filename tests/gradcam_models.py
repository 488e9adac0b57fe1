"""Small Keras models for Grad-CAM, whose answer can be worked out by hand; saved in the worker."""

from pathlib import Path

import numpy as np

SIDE, CLASSES = 12, 3


def save(kind, path):
    """Build and save; runs in the worker."""
    import keras

    keras.utils.set_random_seed(5)
    globals()[f"_{kind}"](keras, keras.layers).save(Path(path))


def weights_of(path):
    """Return a model's weights, in order, and its answer to ``picture()``; runs in the worker."""
    import keras

    model = keras.models.load_model(path)
    return model.get_weights(), np.asarray(model(picture()[np.newaxis] / np.float32(255)))[0]


def check_in_memory(path):
    """A model in memory has the heat of its file, and is afterwards as it was; runs in the worker."""
    import keras

    import lepton_edge as le

    model = keras.models.load_model(path)
    given = picture()[np.newaxis] / np.float32(255)
    before, names = np.asarray(model(given)), [dict(vars(one)).keys() for one in model._flatten_layers()]
    image = np.ascontiguousarray(picture()[..., ::-1])
    said = {"target": 1, "preprocess": le.Preprocess(range=(0, 1))}
    here, there = le.grad_cam(model, image, **said), le.grad_cam(path, image, **said)
    np.testing.assert_allclose(here.heat, there.heat, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(model(given)), before)
    assert [dict(vars(one)).keys() for one in model._flatten_layers()] == names


def picture():
    """A picture of SIDE × SIDE, RGB."""
    return np.random.default_rng(8).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def _plain(keras, layers):
    """Convolution, ReLU, mean, one row of scores: Grad-CAM of it is CAM, a sum by the row's own weights."""
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3), name="picture"),
            layers.Conv2D(4, 3, activation="relu", bias_initializer="random_normal", name="seen"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(CLASSES, activation="softmax", kernel_initializer="random_normal", name="classes"),
        ],
        name="plain",
    )


def _sure(keras, layers):
    """The same, so sure that its softmax is 1 and has no gradient."""
    model = _plain(keras, layers)
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([1e4 * np.sign(kernel), bias])
    return model


def _deep(keras, layers):
    """A nested net with normalizations, a convolution of what is pooled, and its softmax apart."""
    base = keras.Sequential(
        [
            layers.Conv2D(4, 3, padding="same", use_bias=False, name="first"),
            layers.BatchNormalization(name="first_bn"),
            layers.ReLU(name="first_relu"),
            layers.SeparableConv2D(6, 3, padding="same", name="last"),
            layers.BatchNormalization(name="last_bn"),
            layers.Activation("swish", name="last_swish"),
        ],
        name="base",
    )
    given = keras.Input((SIDE, SIDE, 3), name="picture")
    seen = base(given)
    gate = layers.Conv2D(6, 1, activation="sigmoid", name="gate")(
        layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(seen)
    )
    pooled = layers.GlobalAveragePooling2D()(layers.Multiply()([seen, gate]))
    return keras.Model(given, layers.Softmax()(layers.Dense(CLASSES, name="scores")(pooled)), name="deep")


def _binary(keras, layers):
    """One number, through a sigmoid."""
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3), name="picture"),
            layers.Conv2D(4, 3, activation="relu", name="seen"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1, activation="sigmoid", name="classes"),
        ],
        name="binary",
    )


def _dense(keras, layers):
    """No convolution, no map."""
    return keras.Sequential(
        [keras.Input((SIDE, SIDE, 3)), layers.Flatten(), layers.Dense(CLASSES, activation="softmax", name="classes")]
    )
