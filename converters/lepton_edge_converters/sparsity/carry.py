"""Keras 3 models written down for tf_keras, and weights that came back put into the same architecture."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lepton_edge_converters.errors import LoadError
from lepton_edge_converters.load.from_file import load_file
from lepton_edge_converters.load.loaded import LoadedModel, LoadOptions
from lepton_edge_converters.sparsity.known import (
    LAYERS,
    OWN_ACTIVATIONS,
    RENAMED_ACTIVATIONS,
    SAME_ACTIVATIONS,
    left_out,
)
from lepton_edge_converters.sparsity.written import (
    Call,
    Input,
    Layer,
    Network,
    Weights,
    read_weights,
    write_network,
)

_ACTIVATIONS = ("activation", "recurrent_activation")


def write_carried(path: Path, options: LoadOptions, folder: Path) -> None:
    """Write the model in a file down for tf_keras; runs in the worker.

    Raises:
        LoadError: It holds something that cannot be carried.
    """
    network, layers = describe(_keras3(load_file(path, options, {})))
    write_network(folder, network, weights_of(layers))


def put_back(path: Path, options: LoadOptions, weights: Path, output: Path) -> None:
    """Save the model in a file with other weights, those that came back from tf_keras; runs in the worker."""
    model = _keras3(load_file(path, options, {}))
    _, layers = describe(model)
    for layer, arrays in zip(layers, read_weights(weights, len(layers)), strict=True):
        for variable, array in zip(layer.weights if arrays else (), arrays, strict=True):
            variable.assign(array)
    model.save(output)


def describe(model: Any) -> tuple[Network, list[Any]]:
    """Return a Keras 3 model as plain data, and its layers in that order.

    Raises:
        LoadError: It holds something that cannot be carried.
    """
    writer = _Writer()
    inputs = _functional(model).inputs
    for tensor in inputs:
        writer.number(tensor, {})
    outputs = writer.walk(_functional(model), list(range(len(inputs))), "")
    ends = tuple(Input(one.name, tuple(one.shape[1:]), one.dtype) for one in inputs)
    return Network(ends, tuple(writer.layers), tuple(writer.calls), tuple(outputs)), writer.objects


def weights_of(layers: list[Any]) -> Weights:
    """Return the weights of layers; none of those whose settings hold them."""
    return [
        [] if type(layer).__name__ == "Normalization" else [np.asarray(one) for one in layer.weights]
        for layer in layers
    ]


def _keras3(loaded: LoadedModel) -> Any:
    """Return the Keras 3 model that was loaded, if it is one whose layers are known."""
    import keras  # noqa: PLC0415 - seconds; only in the worker

    model = getattr(loaded, "model", None)
    if not isinstance(model, keras.Model):
        raise LoadError(
            "weights are made sparse in Keras 3 models, and this is none; load it, and save it with Keras 3"
        )
    _functional(model)
    return model


def _functional(model: Any) -> Any:
    """Return the graph of a functional or Sequential model."""
    import keras  # noqa: PLC0415 - seconds; only in the worker

    if isinstance(model, keras.Sequential):
        if not model.built:
            raise LoadError(f"{model.name!r} has never been called, so its shapes are not known; call it once")
        model = model._functional  # noqa: SLF001 - the only way to its graph
    if type(model).__name__ != "Functional":
        raise LoadError(
            f"{model.name!r} is a model of a class of its own, {type(model).__name__}; weights are made sparse in "
            "functional and Sequential models, whose layers are known"
        )
    return model


class _Writer:
    """Layers and calls, as they are met on the way from the inputs to the outputs."""

    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self.objects: list[Any] = []
        self.calls: list[Call] = []
        self._places: dict[int, int] = {}
        self._tensors = 0
        self._bare: dict[int, str] = {}

    def number(self, tensor: Any, numbers: dict[int, int]) -> int:
        """Give a tensor the next number."""
        numbers[id(tensor)] = self._tensors
        self._tensors += 1
        return numbers[id(tensor)]

    def walk(self, graph: Any, given: list[int], within: str) -> list[int]:
        """Write down all that a graph does with these tensors, and return the numbers of what comes out."""
        import keras  # noqa: PLC0415 - seconds; only in the worker

        numbers = dict(zip(map(id, graph.inputs), given, strict=True))
        for operation, node in _nodes(graph):
            if getattr(operation, "layers", None) is not None:
                inner = [numbers[id(tensor)] for tensor in node.input_tensors]
                gives = self.walk(_functional(operation), inner, f"{within}{operation.name}/")
                numbers.update(zip(map(id, node.outputs), gives, strict=True))
            elif not isinstance(operation, keras.Layer):
                # Perhaps a mask that Keras 3 writes into the graph, and tf_keras finds by itself; else it is missed.
                self._bare |= dict.fromkeys(map(id, node.outputs), f"{operation.name!r} ({type(operation).__name__})")
            else:
                self._call(operation, node, numbers, within)
        return [self._tensor(tensor, numbers, "output") for tensor in graph.outputs]

    def _call(self, operation: Any, node: Any, numbers: dict[int, int], within: str) -> None:
        name = f"{within}{operation.name}"
        arguments = tuple(self._argument(one, numbers, name) for one in node.arguments.args)
        masks = [getattr(tensor, "_keras_mask", None) for tensor in node.input_tensors]
        named: dict[str, int | tuple[int, ...]] = {}
        flags: dict[str, bool] = {}
        for key, value in node.arguments.kwargs.items():
            if isinstance(value, bool):
                # Without it, a layer does as the whole model does: it trains when that is trained.
                flags |= {} if key == "training" and not value else {key: value}
            elif value is not None and not (key.endswith("mask") and any(value is mask for mask in masks)):
                named[key] = self._argument(value, numbers, name)
        place = self._places.get(id(operation))
        if place is None:
            place = self._places[id(operation)] = len(self.layers)
            self.layers.append(_layer(operation, name))
            self.objects.append(operation)
        for tensor in node.outputs:
            self.number(tensor, numbers)
        self.calls.append(Call(place, arguments, named, flags, len(node.outputs)))

    def _argument(self, value: Any, numbers: dict[int, int], name: str) -> int | tuple[int, ...]:
        if isinstance(value, list | tuple):
            return tuple(self._tensor(one, numbers, name) for one in value)
        return self._tensor(value, numbers, name)

    def _tensor(self, value: Any, numbers: dict[int, int], name: str) -> int:
        if id(value) in self._bare:
            raise LoadError(
                f"the model has the bare operation {self._bare[id(value)]}, which cannot be carried to tf_keras, where "
                "weights are made sparse; write it as a layer of Keras's own"
            )
        if id(value) not in numbers:
            raise LoadError(f"the layer {name!r} is called with {value!r}, which cannot be carried to tf_keras")
        return numbers[id(value)]


def _nodes(graph: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the operations of a graph with their calls, each after what it needs."""
    by_depth = graph._nodes_by_depth  # noqa: SLF001 - the public list has no calls
    for depth in sorted(by_depth, reverse=True):
        for node in by_depth[depth]:
            if node.operation is not None and type(node.operation).__name__ != "InputLayer":
                yield node.operation, node


def _layer(operation: Any, name: str) -> Layer:
    import keras  # noqa: PLC0415 - seconds; only in the worker

    kind = type(operation).__name__
    if getattr(keras.layers, kind, None) is not type(operation) or kind not in LAYERS:
        raise LoadError(
            f"the layer {name!r} is of a kind ({kind}) that cannot be carried to tf_keras, where weights are made "
            f"sparse; these can: {', '.join(LAYERS)}"
        )
    if getattr(operation, "stateful", False):
        raise LoadError(f"the layer {name!r} keeps a state from call to call, which cannot be carried to tf_keras")
    config = operation.get_config()
    if lost := left_out(kind, config):
        raise LoadError(f"the layer {name!r} ({kind}) has {', '.join(lost)}, which cannot be carried to tf_keras")
    carried = {key: _plain(config[key]) for key in LAYERS[kind] if config.get(key) is not None}
    for key in _ACTIVATIONS:
        if key in carried:
            carried[key] = _activation(carried[key], name)
    if kind == "Normalization":
        # What it was adapted to is no setting of it, and its variables are no weights that are trained.
        carried |= {key: np.asarray(getattr(operation, key)).ravel().tolist() for key in ("mean", "variance")}
    for key in ("layer", "backward_layer"):
        inner = getattr(operation, "forward_layer" if key == "layer" and kind == "Bidirectional" else key, None)
        if inner is not None:
            within = _layer(inner, f"{name}/{inner.name}")
            carried[key] = {"kind": within.kind, "config": within.config}
    return Layer(kind, name, carried)


def _activation(value: Any, name: str) -> str:
    function = RENAMED_ACTIVATIONS.get(value, value) if isinstance(value, str) else None
    if function is None or function not in SAME_ACTIVATIONS.union(OWN_ACTIVATIONS):
        raise LoadError(f"the layer {name!r} has the activation {value!r}, which cannot be carried to tf_keras")
    return function


def _plain(value: Any) -> Any:
    """Return a setting as JSON has it."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
