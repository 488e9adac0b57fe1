"""What Keras models of either version have in common: layers, activations, weights, open shapes."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from typing import Any

import numpy as np

from lepton_edge_converters.errors import LoadError
from lepton_edge_converters.facts import EndFacts, ModelFacts
from lepton_edge_runtime.card import Activation

Shape = tuple[int | None, ...]
"""Without the batch axis; ``None`` where it is not fixed."""

_ACTIVATIONS: dict[str, Activation] = {"softmax": "softmax", "sigmoid": "sigmoid", "linear": "logits"}
BYTES = (0.0, 255.0)


def model_facts(
    model: Any,
    sha256: str,
    inputs: tuple[EndFacts, ...],
    outputs: tuple[EndFacts, ...],
    batch: int | None,
    notes: tuple[str, ...],
) -> ModelFacts:
    """Return the facts of a Keras model: what each version tells in its own way, and what both tell alike.

    Raises:
        LoadError: It is fixed to another batch size than 1.
    """
    return ModelFacts(
        name=model.name,
        sha256=sha256 or hash_in_memory(model),
        inputs=inputs,
        outputs=outputs,
        parameters=int(model.count_params()),
        layers=sum(1 for _ in flat_layers(model)),
        picture_range=picture_range(model),
        batch=checked_batch(batch),
        notes=notes,
    )


def fixed_inputs(
    declared: Iterable[tuple[str, str, Shape]],
    picture_size: tuple[int, int] | None,
    sample_shapes: list[tuple[int, ...]],
) -> tuple[EndFacts, ...]:
    """Return inputs, given as name, type and shape, with their open sizes fixed; see ``LoadedModel.describe``.

    Raises:
        LoadError: A size stays open, or an input takes text.
    """
    told = chain(sample_shapes, repeat(None))
    return tuple(_fixed_input(*one, picture_size, sample) for one, sample in zip(declared, told, strict=False))


def _fixed_input(
    name: str,
    dtype: str,
    shape: Shape,
    picture_size: tuple[int, int] | None,
    sample_shape: tuple[int, ...] | None,
) -> EndFacts:
    """Return an input whose open sizes are fixed: by the picture size asked for, or by the samples."""
    if dtype == "string":
        raise LoadError(
            f"the input {name!r} takes text, and no TextVectorization layer of Keras 3 that could be split off comes "
            "first; convert the part of the model that takes numbers"
        )
    if None in shape and picture_size is not None and len(shape) in (3, 4):  # a picture, or a clip of them
        width, height = picture_size
        shape = (*shape[:-3], shape[-3] or height, shape[-2] or width, shape[-1])
    if None in shape and sample_shape is not None and len(sample_shape) == len(shape):
        shape = tuple(known or given for known, given in zip(shape, sample_shape, strict=True))
    if None in shape:
        by = {3: "its picture size (--size)", 4: "what goes in (--frames, --size)"}
        pictures = by.get(len(shape), "it by samples of one length (--data)")
        raise LoadError(f"the input {name!r} has a shape that is not fixed: {shape}; fix {pictures}")
    return EndFacts(name, dtype, shape)


def checked_batch(batch: int | None) -> int | None:
    """Return the batch size that a model is fixed to, or raise LoadError if one sample does not fit it."""
    if batch not in (None, 1):
        raise LoadError(f"the model is fixed to batches of {batch}; build it with a batch size of None or 1")
    return batch


def activation_of(operation: Any) -> Activation | None:
    """Return what the numbers that a layer makes are, or ``None`` where it does not tell."""
    if getattr(operation, "layers", None):
        return activation_of(operation.layers[-1])
    if type(operation).__name__ == "Softmax":
        return "softmax"
    function = getattr(operation, "activation", None)
    return _ACTIVATIONS.get(getattr(function, "__name__", "")) if function is not None else None


def flat_layers(model: Any) -> Iterator[Any]:
    """Yield the layers of a model, those of nested models instead of the models themselves."""
    for layer in model.layers:
        if type(layer).__name__ == "InputLayer":
            continue
        if getattr(layer, "layers", None):
            yield from flat_layers(layer)
        else:
            yield layer


def picture_range(model: Any) -> tuple[float, float] | None:
    """Return 0 to 255 if the model starts with a Rescaling or Normalization layer, and so takes bytes."""
    first = [type(layer).__name__ for layer, _ in zip(flat_layers(model), range(3), strict=False)]
    return BYTES if {"Rescaling", "Normalization"} & set(first) else None


@contextmanager
def unrolled(model: Any) -> Iterator[None]:
    """Let recurrent layers write out their steps, those inside wrappers included."""
    recurrent = [layer for layer in model._flatten_layers() if hasattr(layer, "unroll")]  # noqa: SLF001 - both Keras have it
    before = [layer.unroll for layer in recurrent]
    try:
        for layer in recurrent:
            layer.unroll = True
        yield
    finally:
        for layer, unroll in zip(recurrent, before, strict=True):
            layer.unroll = unroll


def unique(names: Iterable[str]) -> list[str]:
    """Return the names, a number added to those that came before."""
    seen: dict[str, int] = {}
    different = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        different.append(name if seen[name] == 1 else f"{name}_{seen[name] - 1}")
    return different


def refuse_broken_weights(weights: Iterable[tuple[str, Any]]) -> None:
    """Raise LoadError if a variable, given with its name, holds NaN or infinite values."""
    for name, variable in weights:
        values = np.asarray(variable)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            broken = int((~np.isfinite(values)).sum())
            raise LoadError(
                f"the weights {name!r} hold {broken} NaN or infinite values of {values.size}; train the model again"
            )


def hash_in_memory(model: Any, more: str = "") -> str:
    """Return the SHA-256 of a model's architecture and weights, and of what else it is made of."""
    digest = hashlib.sha256(more.encode())
    try:
        digest.update(model.to_json().encode())
    except (TypeError, ValueError, NotImplementedError):
        digest.update(type(model).__qualname__.encode())  # a subclassed model has no config
    for variable in model.variables:
        values = np.ascontiguousarray(np.asarray(variable))
        digest.update(f"{values.dtype}{values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
