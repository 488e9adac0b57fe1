"""Grad-CAM of a loaded Keras model: which places of a layer's map raise the score of a class; runs in the worker."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lepton_edge_converters.load.loaded import LayerHeat, LoadedModel, LoadOptions
from lepton_edge_converters.load.opened import loaded_once
from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.wire import nearest

_FOLLOWING = {"BatchNormalization", "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU"}
"""Layers after a convolution without which its map is not what the net goes on with."""


@dataclass(frozen=True, slots=True)
class _Called:
    """One layer's turn: what went in first, and what came out."""

    layer: Any
    given: Any
    made: Any


def grad_cam_file(
    path: Path, options: LoadOptions, tensor: NDArray[Any], class_id: int | None, layer: str
) -> LayerHeat:
    """Do the same for the model in a file; runs in the worker."""
    return grad_cam_loaded(loaded_once(path, options), tensor, class_id, layer)


def grad_cam_loaded(loaded: LoadedModel, tensor: NDArray[Any], class_id: int | None, layer: str) -> LayerHeat:
    """Return the heat of one layer.

    The map's channels are summed, each weighed by the mean gradient of the class's score, before softmax or sigmoid,
    by it; what lowers the score is left out. Source: R. R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep
    Networks via Gradient-based Localization", ICCV 2017.

    Args:
        loaded: A Keras model with one row of scores.
        tensor: One sample as the model takes it, with its batch axis.
        class_id: The class; ``None`` for the one of the highest score.
        layer: Name of a layer whose output is a map; empty for the last convolution, with the normalization and the
            activation that follow it.

    Raises:
        InputError: There is no such layer or class, or it is no model of one row of scores.
    """
    model = getattr(loaded, "model", None)
    if model is None:
        raise InputError("a SavedModel shows no layers; Grad-CAM needs the Keras model that it was made from")
    given = [tf.convert_to_tensor(tensor)]
    turns: list[_Called] = []
    with _watched(model, turns.append):
        outputs = loaded.call(given)
    scores = _one_row(outputs)
    index = int(scores.argmax()) if class_id is None else class_id
    if not 0 <= index < len(scores):
        raise InputError(f"there is no class {index}; there are 0 to {len(scores) - 1}")
    chosen = _named(turns, layer) if layer else _last_convolution(turns)
    maps: list[Any] = []
    with tf.GradientTape(watch_accessed_variables=False) as tape, _before_activation(turns):

        def watch(turn: _Called) -> None:
            if turn.layer is chosen:
                tape.watch(turn.made)
                maps.append(turn.made)

        with _watched(model, watch):
            row = tf.reshape(loaded.call(given)[0], [-1])
        # A single number decides between two classes: what speaks for the one speaks against the other.
        wanted = row[index] if row.shape[0] == len(scores) else (row[0] if index else -row[0])
    gradient = tape.gradient(wanted, maps[-1])
    if gradient is None:
        raise InputError(f"the scores do not rest on the layer {chosen.name!r}")
    weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
    heat = tf.nn.relu(tf.reduce_sum(weights * maps[-1], axis=-1))[0]
    return LayerHeat(np.asarray(heat, np.float32), chosen.name, index, float(scores[index]))


def _one_row(outputs: Sequence[Any]) -> NDArray[np.float32]:
    """Return the score of each class; of a single number, of two."""
    shape = tuple(outputs[0].shape)
    if len(outputs) != 1 or len(shape) != 2 or shape[0] != 1:
        shapes = ", ".join(str(tuple(one.shape)) for one in outputs)
        raise InputError(f"Grad-CAM explains classifiers, of one row of scores; this model's outputs are {shapes}")
    row = np.asarray(outputs[0], np.float32)[0]
    return row if row.size > 1 else np.concatenate([1 - row, row])


@contextmanager
def _watched(model: Any, tell: Callable[[_Called], None]) -> Iterator[None]:
    """Tell of each layer's turn while the model is called; nested models are looked into."""
    layers = [one for one in model._flatten_layers() if not getattr(one, "layers", None)]  # noqa: SLF001 - both Keras have it
    with ExitStack() as stack:
        for layer in layers:
            stack.enter_context(_replaced(layer, "call", _telling(layer, layer.call, tell)))
        yield


def _telling(layer: Any, call: Callable[..., Any], tell: Callable[[_Called], None]) -> Callable[..., Any]:
    def telling(*given: Any, **named: Any) -> Any:
        made = call(*given, **named)
        tell(_Called(layer, given[0] if given else None, made))
        return made

    return telling


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Let an object have another attribute; both Keras would track what is set in the usual way."""
    own = vars(owner).get(name, _NOTHING)
    object.__setattr__(owner, name, value)
    try:
        yield
    finally:
        if own is _NOTHING:
            object.__delattr__(owner, name)
        else:
            object.__setattr__(owner, name, own)


_NOTHING = object()


@contextmanager
def _before_activation(turns: Sequence[_Called]) -> Iterator[None]:
    """Let the layer that makes the scores leave out its softmax or sigmoid, which has no gradient where it is sure."""
    last = turns[-1].layer if turns else None
    function = getattr(last, "activation", None)
    if type(last).__name__ == "Softmax":
        with _replaced(last, "call", lambda given, *_others, **_named: given):
            yield
    elif getattr(function, "__name__", "") in ("softmax", "sigmoid"):
        with _replaced(last, "activation", tf.identity):
            yield
    else:
        yield


def _is_map(turn: _Called) -> bool:
    shape: Any = getattr(turn.made, "shape", ())
    return len(shape) == 4 and int(shape[1]) * int(shape[2]) > 1


def _last_convolution(turns: Sequence[_Called]) -> Any:
    """Return the last layer that convolves a map, or what follows it at once and belongs to it."""
    places = [i for i, turn in enumerate(turns) if _is_map(turn) and "Conv" in type(turn.layer).__name__]
    if not places:
        raise InputError(f"the model has no convolution to look at; name a layer: {_maps(turns)}")
    last = places[-1]
    for i in range(last + 1, len(turns)):
        if type(turns[i].layer).__name__ in _FOLLOWING and turns[i].given is turns[last].made:
            last = i
    return turns[last].layer


def _named(turns: Sequence[_Called], name: str) -> Any:
    found = [turn for turn in turns if turn.layer.name == name]
    if not found:
        names = list(dict.fromkeys(turn.layer.name for turn in turns))
        raise InputError(f"there is no layer {name!r}{nearest(name, names)}; those that make a map: {_maps(turns)}")
    if not _is_map(found[-1]):
        shape = tuple(getattr(found[-1].made, "shape", ()))
        raise InputError(f"the layer {name!r} makes no map but {shape}; those that do: {_maps(turns)}")
    return found[-1].layer


def _maps(turns: Sequence[_Called]) -> str:
    names = list(dict.fromkeys(turn.layer.name for turn in turns if _is_map(turn)))
    return ", ".join(names[-12:]) or "none"
