"""The nets: what an article's reader, a ResNet, a MobileNetV2 and a MobileNetV3 would be at 28 × 28 grey pixels."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

layers = keras.layers
CLASSES = 10


def article() -> Any:
    """Return the CNN of many a first article: two convolutions, two poolings, a hidden layer."""
    picture, x = _begin()
    for filters in (32, 64):
        x = layers.MaxPooling2D()(layers.Conv2D(filters, 3, padding="same", activation="relu")(x))
    x = layers.Dropout(0.3)(layers.Dense(128, activation="relu")(layers.Flatten()(x)))
    return keras.Model(picture, _classes(x), name="article")


def resnet() -> Any:
    """Return three stages of two residual blocks."""
    picture, x = _begin()
    x = _normalized(layers.Conv2D(24, 3, strides=2, padding="same", use_bias=False)(x))
    for stage, width in enumerate((24, 48, 96)):
        for block in range(2):
            stride = 2 if stage and not block else 1
            y = _normalized(layers.Conv2D(width, 3, strides=stride, padding="same", use_bias=False)(x))
            y = _norm()(layers.Conv2D(width, 3, padding="same", use_bias=False)(y))
            if x.shape[-1] != width:
                x = _norm()(layers.Conv2D(width, 1, strides=stride, use_bias=False)(x))
            x = layers.ReLU()(layers.Add()([x, y]))
    return keras.Model(picture, _classes(layers.GlobalAveragePooling2D()(x)), name="resnet")


def mobilenet_v2() -> Any:
    """Return inverted bottlenecks, ReLU6 and linear ends."""
    picture, x = _begin()
    x = _normalized(layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False)(x), "relu6")
    for width, stride, times in ((16, 1, 1), (24, 1, 2), (40, 2, 2), (64, 2, 2)):
        for block in range(times):
            x = _inverted(x, 6 * x.shape[-1] if width > 16 else x.shape[-1], width, stride if not block else 1)
    x = _normalized(layers.Conv2D(256, 1, use_bias=False)(x), "relu6")
    return keras.Model(picture, _classes(layers.GlobalAveragePooling2D()(x)), name="mobilenet_v2")


def mobilenet_v3() -> Any:
    """Return inverted bottlenecks with squeeze-and-excitation and hard swish."""
    picture, x = _begin()
    x = _normalized(layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(x), "hard_silu")
    for wide, width, stride, gated, activation in (
        (16, 16, 1, True, "relu"),
        (72, 24, 1, False, "relu"),
        (88, 24, 1, False, "relu"),
        (96, 40, 2, True, "hard_silu"),
        (240, 40, 1, True, "hard_silu"),
        (144, 48, 2, True, "hard_silu"),
    ):
        x = _inverted(x, wide, width, stride, activation=activation, gated=gated)
    x = layers.GlobalAveragePooling2D()(_normalized(layers.Conv2D(288, 1, use_bias=False)(x), "hard_silu"))
    return keras.Model(picture, _classes(layers.Dense(128, activation="hard_silu")(x)), name="mobilenet_v3")


NETS: Mapping[str, Callable[[], Any]] = {
    "article": article, "resnet": resnet, "mobilenet_v2": mobilenet_v2, "mobilenet_v3": mobilenet_v3,
}  # fmt: skip


def _begin() -> tuple[Any, Any]:
    picture = keras.Input((28, 28, 1), name="picture")
    return picture, layers.Rescaling(1 / 255)(picture)


def _classes(x: Any) -> Any:
    return layers.Dense(CLASSES, activation="softmax", name="classes")(x)


def _norm() -> Any:
    return layers.BatchNormalization(momentum=0.9)  # a few hundred steps an epoch


def _normalized(x: Any, activation: str = "relu") -> Any:
    return layers.Activation(activation)(_norm()(x))


def _inverted(x: Any, wide: int, width: int, stride: int, *, activation: str = "relu6", gated: bool = False) -> Any:
    y = x
    if wide != x.shape[-1]:
        y = _normalized(layers.Conv2D(wide, 1, use_bias=False)(y), activation)
    y = _normalized(layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(y), activation)
    if gated:
        few = layers.GlobalAveragePooling2D(keepdims=True)(y)
        few = layers.Conv2D(max(8, wide // 4), 1, activation="relu")(few)
        y = layers.Multiply()([y, layers.Conv2D(wide, 1, activation="hard_sigmoid")(few)])
    y = _norm()(layers.Conv2D(width, 1, use_bias=False)(y))
    return layers.Add()([x, y]) if stride == 1 and x.shape[-1] == width else y
