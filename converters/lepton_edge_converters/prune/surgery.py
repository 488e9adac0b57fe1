"""The model without some of its channels: new layers of the sizes that are left, with the weights that are left."""

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import PruneError
from lepton_edge_converters.prune.dependencies import Dependencies
from lepton_edge_converters.prune.flat import Call, filled, input_names, random_inputs, reason


def rebuild(dependencies: Dependencies, removed: Iterable[int] = ()) -> Any:
    """Return a functional Keras model without these channels; the original is left as it is.

    Args:
        dependencies: Of the original.
        removed: Leaders of channels; what is tied to them goes too.

    Raises:
        PruneError: A layer cannot be made again from its own configuration and weights, or nothing of a layer would
            be left.
    """
    import keras  # noqa: PLC0415 - whoever made the model has it

    flat = dependencies.flat
    surgeon = _Surgeon(dependencies, np.array(sorted(removed), np.int64))
    values: dict[int, Any] = {}
    inputs = []
    for tensor, name in zip(flat.inputs, input_names(flat.model), strict=True):
        inputs.append(keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name))
        values[id(tensor)] = inputs[-1]
    for call in flat.calls:
        given = surgeon.arguments(call)
        result = surgeon.operation(call)(
            *filled(given, lambda one: values[id(one)]), **filled(dict(call.kwargs), lambda one: values[id(one)])
        )
        values.update((id(t), v) for t, v in zip(call.outputs, keras.tree.flatten(result), strict=True))
    outputs = [values[id(tensor)] for tensor in flat.outputs]
    structure = flat.model._outputs_struct  # noqa: SLF001 - a list, a dictionary, or one tensor
    takes = flat.model._inputs_struct  # noqa: SLF001 - likewise
    model = keras.Model(
        keras.tree.pack_sequence_as(takes, inputs),
        keras.tree.pack_sequence_as(structure, outputs),
        name=flat.model.name,
    )
    surgeon.fill()
    return model


class _Surgeon:
    """Makes each layer again, once, and gives it its weights."""

    def __init__(self, dependencies: Dependencies, removed: NDArray[np.int64]) -> None:
        self._notes = dependencies.notes
        self._kept = dependencies.kept(removed)
        self._made: dict[str, tuple[Any, Any]] = {}

    def operation(self, call: Call) -> Any:
        """Return the new layer or operation for a call."""
        if call.name not in self._made:
            config = _unbuilt(copy.deepcopy(call.operation.get_config()))
            for size in self._notes.sizes.values():
                if size.layer == call.name:
                    count = int(self._kept[size.ids].sum())
                    if not count:
                        raise PruneError(f"nothing of {call.name} would be left")
                    _set(config, size.path, count)
            if call.name in self._notes.rewrites:
                config.update(self._notes.rewrites[call.name](lambda ids: self._kept[ids]))
            config["name"] = call.name
            try:
                made = type(call.operation).from_config(config)
            except Exception as refused:  # whatever the user's class raises
                if not self._may_serve_twice(call):
                    raise PruneError(
                        f"{call.name} ({type(call.operation).__name__}) cannot be made again from its configuration "
                        f"({type(refused).__name__}: {reason(refused)}); name classes and functions of your "
                        "own (custom_objects, --custom MODULE:NAME)"
                    ) from refused
                made = call.operation
            self._made[call.name] = call.operation, made
        return self._made[call.name][1]

    def _may_serve_twice(self, call: Call) -> bool:
        """Return whether a layer can be in the new model as it is: it has nothing to cut or to learn, as a Lambda."""
        changed = call.name in self._notes.rewrites or any(one.layer == call.name for one in self._notes.sizes.values())
        return not (changed or getattr(call.operation, "variables", None) or call.name != call.operation.name)

    def arguments(self, call: Call) -> tuple[Any, ...]:
        """Return what a call is given; slices of channels are shorter."""
        rewritten = self._notes.arguments.get(id(call))
        return rewritten(lambda ids: self._kept[ids]) if rewritten else call.args

    def fill(self) -> None:
        """Give all layers made their weights, once they are built."""
        cuts: dict[tuple[str, int], list[tuple[int, NDArray[np.bool_]]]] = {}
        for slot in self._notes.slots.values():
            cuts.setdefault((slot.layer, slot.weight), []).append((slot.axis, self._kept[slot.ids]))
        for name, (old, new) in self._made.items():
            if not getattr(old, "weights", None):
                continue
            weights = []
            for place, weight in enumerate(old.get_weights()):
                for axis, kept in cuts.get((name, place), ()):
                    weight = np.compress(kept, weight, axis)  # noqa: PLW2901 - cut axis by axis
                weights.append(weight)
            try:
                new.set_weights(weights)
            except ValueError as refused:
                raise PruneError(
                    f"{name} ({type(old).__name__}) cannot be given its weights again: {reason(refused)}"
                ) from refused
            if hasattr(new, "finalize_state"):  # Normalization works with copies of its weights
                new.finalize_state()


def _unbuilt(config: Any) -> Any:
    """Return a configuration without the shapes that layers inside a wrapper were built for."""
    if isinstance(config, dict):
        return {key: _unbuilt(one) for key, one in config.items() if key != "build_config"}
    return config


def _set(config: Any, path: tuple[str | int, ...], count: int) -> None:
    """Set a number deep in a configuration; what holds it may be a tuple."""
    if len(path) == 1:
        config[path[0]] = count
        return
    inner = config[path[0]]
    if isinstance(inner, tuple):
        inner = config[path[0]] = list(inner)
    _set(inner, path[1:], count)


def check_faithful(dependencies: Dependencies) -> None:
    """Raise where the model, taken apart and put together again, is not what it was.

    Raises:
        PruneError: Its answers to seeded numbers differ.
    """
    flat = dependencies.flat
    inputs = random_inputs(flat, count=2, seed=0)
    again = rebuild(dependencies)
    try:
        expected, found = (answers(model, inputs) for model in (flat.model, again))
    except Exception as refused:  # whatever layers and engine raise
        raise PruneError(
            f"the model {flat.model.name!r} cannot be run on numbers of the shapes "
            f"{', '.join(str(one.shape) for one in inputs)} ({type(refused).__name__}: {reason(refused)})"
        ) from refused
    for one, other in zip(expected, found, strict=True):
        if not np.allclose(one, other, rtol=1e-4, atol=1e-5, equal_nan=True):
            raise PruneError(
                f"the model {flat.model.name!r} cannot be taken apart: put together again it answers otherwise; one of "
                "its layers keeps something that is not in its configuration or its weights"
            )


def answers(model: Any, inputs: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """Return a model's outputs for one batch, flat."""
    import keras  # noqa: PLC0415 - whoever made the model has it

    packed = keras.tree.pack_sequence_as(model._inputs_struct, [keras.ops.convert_to_tensor(one) for one in inputs])  # noqa: SLF001 - a list, a dictionary, or one tensor
    return [keras.ops.convert_to_numpy(one) for one in keras.tree.flatten(model(packed, training=False))]
