"""What a Keras model takes, gives and is made of."""

import hashlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from lepton_edge_converters.errors import LoadError
from lepton_edge_converters.facts import EndFacts, ModelFacts
from lepton_edge_converters.load.keras import build_shapes, packed
from lepton_edge_runtime.card import Activation

_ACTIVATIONS: dict[str, Activation] = {"softmax": "softmax", "sigmoid": "sigmoid", "linear": "logits"}


def describe(
    model: Any, *, sha256: str, picture_size: tuple[int, int] | None, sample_shapes: list[tuple[int, ...]]
) -> ModelFacts:
    """Return what is known of a model.

    Args:
        model: A Keras 3 model.
        sha256: Of its file; empty to hash its architecture and weights.
        picture_size: Width and height to take where the model leaves them open.
        sample_shapes: Of one sample for each input, for models that do not say what they take.

    Raises:
        LoadError: Its weights are not numbers, or its inputs are not known.
    """
    _refuse_broken_weights(model)
    inputs = tuple(_input_facts(model, picture_size, sample_shapes))
    batch = _fixed_batch(model)
    if batch not in (None, 1):
        raise LoadError(f"the model is fixed to batches of {batch}; build it with a batch size of None or 1")
    outputs = tuple(_output_facts(model, inputs))
    return ModelFacts(
        name=model.name,
        sha256=sha256 or _hash_in_memory(model),
        inputs=inputs,
        outputs=outputs,
        parameters=int(model.count_params()),
        layers=sum(1 for _ in _flat_layers(model)),
        rescales=any(type(layer).__name__ in ("Rescaling", "Normalization") for layer in _first_layers(model)),
        batch=batch,
    )


def _input_facts(
    model: Any, picture_size: tuple[int, int] | None, sample_shapes: list[tuple[int, ...]]
) -> Iterator[EndFacts]:
    for i, (name, dtype, shape) in enumerate(_declared_inputs(model, sample_shapes)):
        # What the model leaves open is fixed by the size asked for, or by the samples.
        if None in shape and picture_size is not None and len(shape) == 3:
            width, height = picture_size
            shape = (shape[0] or height, shape[1] or width, shape[2])  # noqa: PLW2901 - the same, filled in
        if None in shape and i < len(sample_shapes) and len(sample_shapes[i]) == len(shape):
            shape = tuple(known or given for known, given in zip(shape, sample_shapes[i], strict=True))  # noqa: PLW2901
        if None in shape:
            raise LoadError(f"the input {name!r} has a shape that is not fixed: {shape}; fix its picture size (--size)")
        if dtype == "string":
            raise LoadError(f"the input {name!r} takes text; convert the part of the model that takes numbers")
        yield EndFacts(name, dtype, shape)


def _declared_inputs(model: Any, sample_shapes: list[tuple[int, ...]]) -> list[tuple[str, str, tuple[int | None, ...]]]:
    """Return name, type and shape (without batch) of each input, as the model or the samples tell."""
    symbolic = getattr(model, "inputs", None)
    if symbolic:
        names = _unique([tensor.name for tensor in symbolic])
        return [(name, t.dtype, tuple(t.shape[1:])) for name, t in zip(names, symbolic, strict=True)]
    shapes = build_shapes(model)
    if shapes is not None:
        if isinstance(shapes, dict):
            return [(name, "float32", tuple(shape[1:])) for name, shape in shapes.items()]
        several = isinstance(shapes[0], list | tuple)
        listed = list(shapes) if several else [shapes]
        return [(_input_name(i, listed), "float32", tuple(shape[1:])) for i, shape in enumerate(listed)]
    if sample_shapes:
        return [(_input_name(i, sample_shapes), "float32", shape) for i, shape in enumerate(sample_shapes)]
    raise LoadError("the model has never been called, so its inputs are not known; call it once on a sample")


def _input_name(i: int, among: list[Any]) -> str:
    return "input" if len(among) == 1 else f"input_{i}"


def _output_facts(model: Any, inputs: tuple[EndFacts, ...]) -> list[EndFacts]:
    """Return the outputs of one symbolic call with batch 1."""
    symbolic = [keras.KerasTensor((1, *end.shape), dtype=end.dtype) for end in inputs]
    answer = model.compute_output_spec(packed(model, symbolic), training=False)
    outputs = keras.tree.flatten(answer)
    names = _unique(_output_names(model, answer, len(outputs)))
    last = _last_operations(model, len(outputs))
    return [
        EndFacts(name, keras.backend.standardize_dtype(o.dtype), tuple(o.shape[1:]), _activation(operation))
        for name, o, operation in zip(names, outputs, last, strict=True)
    ]


def _output_names(model: Any, answer: Any, count: int) -> list[str]:
    if isinstance(answer, dict):
        return [str(path[-1]) for path, _ in keras.tree.flatten_with_path(answer)]
    if isinstance(model, keras.Sequential) and count == 1:
        return [model.layers[-1].name]
    names = list(getattr(model, "output_names", None) or [])
    if len(names) == count:
        return names
    return ["output"] if count == 1 else [f"output_{i}" for i in range(count)]


def _last_operations(model: Any, count: int) -> list[Any]:
    """Return the layer that makes each output, as far as the model shows it."""
    if isinstance(model, keras.Sequential):
        return [model.layers[-1]] if model.layers else [None]
    outputs = getattr(model, "outputs", None)
    if not outputs or len(outputs) != count:
        return [None] * count
    return [getattr(getattr(output, "_keras_history", None), "operation", None) for output in outputs]


def _activation(operation: Any) -> Activation | None:
    """Return what the numbers that a layer makes are, or ``None`` where it does not tell."""
    if isinstance(operation, keras.Model):
        (last,) = _last_operations(operation, 1)
        return _activation(last)
    if isinstance(operation, keras.layers.Softmax):
        return "softmax"
    function = getattr(operation, "activation", None)
    return _ACTIVATIONS.get(getattr(function, "__name__", "")) if function is not None else None


def _fixed_batch(model: Any) -> int | None:
    symbolic = getattr(model, "inputs", None)
    return symbolic[0].shape[0] if symbolic else None


def _flat_layers(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if getattr(layer, "layers", None):
            yield from _flat_layers(layer)
        else:
            yield layer


def _first_layers(model: Any) -> list[Any]:
    return [layer for layer, _ in zip(_flat_layers(model), range(3), strict=False)]


def _unique(names: list[str]) -> list[str]:
    """Return the names, a number added to those that came before."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}_{seen[name] - 1}")
    return unique


def _refuse_broken_weights(model: Any) -> None:
    for variable in model.variables:
        values = np.asarray(variable)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            broken = int((~np.isfinite(values)).sum())
            raise LoadError(
                f"the weights {variable.path!r} hold {broken} NaN or infinite values of {values.size}; "
                "train the model again"
            )


def _hash_in_memory(model: Any) -> str:
    digest = hashlib.sha256()
    try:
        digest.update(model.to_json().encode())
    except (TypeError, ValueError, NotImplementedError):
        digest.update(type(model).__qualname__.encode())  # a subclassed model has no config
    for variable in model.variables:
        values = np.ascontiguousarray(np.asarray(variable))
        digest.update(f"{values.dtype}{values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
