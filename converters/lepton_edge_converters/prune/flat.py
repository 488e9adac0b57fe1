"""A Keras model as one flat list of calls: nested models opened, shared layers called as often as they are."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lepton_edge_converters.errors import PruneError

Shape = tuple[int | None, ...]

_MARKUP = re.compile(r"\x1b\[\d*m")
_AROUND = ("Exception encountered when calling", "Error when deserializing", "Arguments received by", "•")
_SEQUENCE_RANK = 3
_FREE_STEPS = 8
_FREE_SIDE = 96  # of pictures of any size; common nets of ImageNet take none smaller than 75


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A value of the graph.

    Attributes:
        shape: With the batch axis first.
        dtype: numpy's name.
    """

    shape: Shape
    dtype: str


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One call of a layer, or of an operation such as ``x + y``.

    Attributes:
        operation: The Keras layer or operation.
        name: Of the operation: unique in the graph, the same at all calls of a shared layer.
        args, kwargs: As they were given, a ``Tensor`` for each tensor.
        outputs: What it gives, flat.
    """

    operation: Any
    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outputs: tuple[Tensor, ...]

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Return the tensors among the arguments, flat."""
        return tuple(_tensors((self.args, dict(self.kwargs))))


@dataclass(frozen=True, slots=True)
class Flat:
    """The graph of a model.

    Attributes:
        model: The functional model that it is of.
        inputs: One a model input.
        calls: In an order in which they can be made.
        outputs: One a model output, flat.
    """

    model: Any
    inputs: tuple[Tensor, ...]
    calls: tuple[Call, ...]
    outputs: tuple[Tensor, ...]


def flatten(model: Any) -> Flat:
    """Return the graph of a Keras 3 model: functional, Sequential, or one whose ``call`` is made of layers.

    Raises:
        PruneError: Its graph cannot be seen.
    """
    functional = as_functional(model)
    builder = _Builder(input_names(functional))
    inputs = tuple(Tensor(tuple(one.shape), str(one.dtype)) for one in functional.inputs)
    outputs = builder.add(functional, inputs, prefix="")
    return Flat(functional, inputs, tuple(builder.calls), outputs)


def as_functional(model: Any) -> Any:
    """Return a model as a functional one that shares its layers.

    Raises:
        PruneError: It is none, and does not become one when it is called on symbolic inputs.
    """
    import keras  # noqa: PLC0415 - whoever made the model has it

    if not isinstance(model, keras.Model):
        raise PruneError(f"a Keras 3 model is pruned; this is a {type(model).__module__}.{type(model).__name__}")
    if hasattr(model, "_nodes_by_depth"):  # its graph can be read from it
        return model
    if isinstance(model, keras.Sequential):
        if not model.built:
            raise PruneError(f"the model {model.name!r} has no shapes yet: call it on a sample first")
        return keras.Model(model.inputs, model.outputs, name=model.name)
    shapes = _input_shapes(model)
    try:
        inputs = keras.tree.map_shape_structure(lambda shape: keras.Input(batch_shape=shape), shapes)
        functional = keras.Model(inputs, model.call(inputs), name=model.name)
    except Exception as refused:  # whatever the user's code raises
        raise PruneError(
            f"the model {model.name!r} is a class of its own, and its call cannot be followed on symbolic inputs "
            f"({type(refused).__name__}: {reason(refused)}); build it with keras.Model(inputs, outputs)"
        ) from refused
    if {id(one) for one in functional.weights} != {id(one) for one in model.weights}:
        raise PruneError(
            f"the model {model.name!r} is a class of its own, and has weights that its call does not take through "
            "layers; build it with keras.Model(inputs, outputs)"
        )
    return functional


def _input_shapes(model: Any) -> Any:
    config = model.get_build_config() if model.built else None
    shapes = (config or {}).get("input_shape") or (config or {}).get("shapes_dict")
    if not shapes:
        raise PruneError(f"the model {model.name!r} has no shapes yet: call it on a sample first")
    return shapes


class _Builder:
    """Collects the calls of a model and of those nested in it."""

    def __init__(self, taken: Iterable[str]) -> None:
        self.calls: list[Call] = []
        self._names: dict[int, str] = {}
        self._taken = set(taken)

    def add(self, model: Any, inputs: tuple[Tensor, ...], *, prefix: str) -> tuple[Tensor, ...]:
        """Add the calls of a functional model on these tensors, and return its outputs."""
        known = {id(symbol): tensor for symbol, tensor in zip(model.inputs, inputs, strict=True)}
        for node in _nodes(model):
            args, kwargs = node.arguments.convert(lambda one: known.get(id(one), one))
            operation = node.operation
            inner = _opened(operation)
            # Keras trains nested models as it trains those around them, whatever they were called with.
            given = tuple(_tensors((args, {k: v for k, v in kwargs.items() if k not in ("training", "mask")})))
            if inner is not None and _ranks(inner.inputs) == _ranks(given):
                cast = tuple(self._cast(*one, prefix) for one in zip(given, inner.inputs, strict=True))
                results = self.add(inner, cast, prefix=f"{prefix}{operation.name}_")
            else:
                results = tuple(Tensor(tuple(one.shape), str(one.dtype)) for one in node.outputs)
                self.calls.append(Call(operation, self._name(operation, prefix), args, kwargs, results))
            known.update((id(symbol), tensor) for symbol, tensor in zip(node.outputs, results, strict=True))
        return tuple(known[id(one)] for one in model.outputs)

    def _cast(self, given: Tensor, taken: Any, prefix: str) -> Tensor:
        """Return a tensor as the numbers that an input of a nested model takes, which Keras makes of others."""
        import keras  # noqa: PLC0415 - whoever made the model has it

        if given.dtype == str(taken.dtype):
            return given
        symbol = keras.ops.cast(keras.KerasTensor(given.shape, given.dtype), taken.dtype)
        cast = symbol._keras_history.operation  # noqa: SLF001 - Keras shows no other way to what it records
        result = Tensor(given.shape, str(taken.dtype))
        self.calls.append(Call(cast, self._name(cast, prefix), (given,), {}, (result,)))
        return result

    def _name(self, operation: Any, prefix: str) -> str:
        """Return the layer's own name where no other has it, else with the names of the models around it."""
        if id(operation) not in self._names:
            name = operation.name if operation.name not in self._taken else f"{prefix}{operation.name}"
            number, unique = 1, name
            while unique in self._taken:
                number, unique = number + 1, f"{name}_{number}"
            self._names[id(operation)] = unique
            self._taken.add(unique)
        return self._names[id(operation)]


def input_names(model: Any) -> list[str]:
    """Return the names of a functional model's inputs."""
    return [symbol._keras_history.operation.name for symbol in model.inputs]  # noqa: SLF001 - where Keras keeps them


def _ranks(tensors: Iterable[Any]) -> list[int]:
    return [len(one.shape) for one in tensors]


def _nodes(model: Any) -> Iterator[Any]:
    """Yield the calls of a functional model in the order in which Keras makes them."""
    by_depth = model._nodes_by_depth  # noqa: SLF001 - Keras shows operations, and not their calls
    for depth in sorted(by_depth, reverse=True):
        yield from (node for node in by_depth[depth] if not node.is_input)


def _opened(operation: Any) -> Any:
    """Return the functional model inside a nested model, ``None`` for what is left closed."""
    import keras  # noqa: PLC0415 - whoever made the model has it

    if not isinstance(operation, keras.Model):
        return None
    try:
        return as_functional(operation)
    except PruneError:
        return None  # it is then a layer that nothing is known of


def _tensors(nested: Any) -> Iterator[Tensor]:
    if isinstance(nested, Tensor):
        yield nested
    elif isinstance(nested, Mapping):
        for key in sorted(nested):
            yield from _tensors(nested[key])
    elif isinstance(nested, list | tuple):
        for one in nested:
            yield from _tensors(one)


def filled(nested: Any, value: Callable[[Tensor], Any]) -> Any:
    """Return arguments with a value in the place of each tensor."""
    if isinstance(nested, Tensor):
        return value(nested)
    if isinstance(nested, Mapping):
        return {key: filled(one, value) for key, one in nested.items()}
    if isinstance(nested, tuple):
        return tuple(filled(one, value) for one in nested)
    return [filled(one, value) for one in nested] if isinstance(nested, list) else nested


def reason(problem: Exception) -> str:
    """Return what went wrong in one line, of what Keras says in many: not in which call, nor with what."""
    lines = [_MARKUP.sub("", line).strip() for line in str(problem).splitlines()]
    told = [line for line in lines if line and not line.startswith(_AROUND)]
    return told[0].removeprefix("Exception encountered: ") if told else " ".join(lines)


def random_inputs(flat: Flat, *, count: int, seed: int) -> list[np.ndarray[Any, Any]]:
    """Return seeded numbers that the model takes: from 0 to 1, or numbers of words that its vocabulary has.

    Raises:
        PruneError: It takes no numbers.
    """
    rng = np.random.default_rng(seed)
    words = min((call.operation.input_dim for call in flat.calls if hasattr(call.operation, "input_dim")), default=2)
    made = []
    for one in flat.inputs:
        if one.dtype == "string":
            raise PruneError("a model that takes text is not pruned; prune the model behind its text layers")
        free = _FREE_SIDE if len(one.shape) > _SEQUENCE_RANK else _FREE_STEPS
        shape = (one.shape[0] or count, *(size or free for size in one.shape[1:]))
        integer = one.dtype.startswith(("int", "uint"))
        made.append((rng.integers(0, words, shape) if integer else rng.random(shape)).astype(one.dtype))
    return made
