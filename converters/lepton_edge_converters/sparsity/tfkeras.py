"""A carried network as a tf_keras model: built again layer by layer, with its weights.

Imported only in a process that has no Keras 3 in it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from lepton_edge_converters.sparsity.known import OWN_ACTIVATIONS, RENAMED
from lepton_edge_converters.sparsity.written import Call, Layer, Network, Weights

_ACTIVATIONS = ("activation", "recurrent_activation")


def build(network: Network, weights: Weights) -> tuple[Any, list[Any]]:
    """Return a network as a tf_keras model, and its layers in the network's order."""
    import tf_keras  # noqa: PLC0415 - seconds; only in the process that trains

    names = scope_names(network.layers)
    layers = [_layer(one.kind, one.config, name) for one, name in zip(network.layers, names, strict=True)]
    inputs = [
        tf_keras.Input(one.shape, dtype=one.dtype, name=f"lepton_edge_input_{i}")
        for i, one in enumerate(network.inputs)
    ]
    tensors = list(inputs)
    for call in network.calls:
        gives = _called(layers[call.layer], call, tensors)
        tensors += gives if isinstance(gives, list | tuple) else [gives]
    for layer, arrays in zip(layers, weights, strict=True):
        if arrays:
            layer.set_weights(arrays)
    return tf_keras.Model(inputs, [tensors[i] for i in network.outputs]), layers


def own_activations() -> Mapping[str, Callable[[Any], Any]]:
    """Return Keras 3's activations that tf_keras has not, or computes otherwise, by name."""
    import tensorflow as tf  # noqa: PLC0415 - seconds; only in the process that trains

    functions: tuple[Callable[[Any], Any], ...] = (
        lambda x: tf.nn.relu6(x + 3.0) / 6.0,
        lambda x: x * tf.nn.relu6(x + 3.0) / 6.0,
        lambda x: tf.nn.leaky_relu(x, alpha=0.2),
        lambda x: tf.nn.log_softmax(x, axis=-1),
        tf.nn.relu6,
    )
    return dict(zip(OWN_ACTIVATIONS, functions, strict=True))


def _called(layer: Any, call: Call, tensors: list[Any]) -> Any:
    arguments = [_argument(one, tensors) for one in call.arguments]
    return layer(*arguments, **{key: _argument(one, tensors) for key, one in call.named.items()}, **call.flags)


def _argument(one: int | tuple[int, ...], tensors: list[Any]) -> Any:
    return tensors[one] if isinstance(one, int) else [tensors[i] for i in one]


def _layer(kind: str, config: Mapping[str, Any], name: str) -> Any:
    import tf_keras  # noqa: PLC0415 - seconds; only in the process that trains

    renamed = RENAMED.get(kind, {})
    settings = {renamed.get(key, key): value for key, value in config.items()}
    own = own_activations()
    for key in _ACTIVATIONS:
        if settings.get(key) in own:
            settings[key] = own[settings[key]]
    for key in ("layer", "backward_layer"):
        if key in settings:
            settings[key] = _layer(settings[key]["kind"], settings[key]["config"], f"{name}_{key}")
    return getattr(tf_keras.layers, kind)(name=name, **settings)


def scope_names(layers: tuple[Layer, ...]) -> list[str]:
    """Return names that TensorFlow takes as scopes: the authors' own, but for odd ones and those that come twice."""
    names: list[str] = []
    for i, layer in enumerate(layers):
        name = layer.name.replace(" ", "_")
        fits = name.isascii() and name.replace("_", "").replace("/", "").isalnum() and name[0].isalnum()
        names.append(name if fits and name not in names else f"lepton_edge_layer_{i}")
    return names
