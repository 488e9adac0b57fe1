"""The original model run call by call, so that what goes into each layer can be looked at."""

from collections.abc import Callable, Sequence
from typing import Any

from lepton_edge_converters.prune.flat import Call, Flat, filled

Watch = Callable[[Call, int, Any], Any]
"""Is given a call, the place of an input among its tensors, and the value; returns what the call is given."""


def walk(flat: Flat, inputs: Sequence[Any], watch: Watch) -> list[Any]:
    """Return the outputs of a graph, flat; each value is shown to ``watch`` before a layer reads it."""
    import keras  # noqa: PLC0415 - whoever made the model has it

    values = {id(tensor): value for tensor, value in zip(flat.inputs, inputs, strict=True)}
    for call in flat.calls:
        places = {id(tensor): place for place, tensor in enumerate(call.inputs)}
        seen = {key: watch(call, place, values[key]) for key, place in places.items()}
        args, kwargs = (filled(given, lambda one, at=seen: at[id(one)]) for given in (call.args, dict(call.kwargs)))  # type: ignore[misc]  # mypy sees no lambda's default
        if getattr(call.operation, "_call_has_training_arg", False):
            # As the whole model has it, where it is in use; layers that change pictures do so by default.
            kwargs["training"] = False
        results = keras.tree.flatten(call.operation(*args, **kwargs))
        values.update((id(tensor), value) for tensor, value in zip(call.outputs, results, strict=True))
    return [values[id(tensor)] for tensor in flat.outputs]
