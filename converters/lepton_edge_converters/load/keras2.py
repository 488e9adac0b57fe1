"""Keras 2 models, by tf_keras: the files that Keras 3 refuses, loaded as they were meant."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lepton_edge_converters.errors import LoadError
from lepton_edge_converters.facts import EndFacts, ModelFacts
from lepton_edge_converters.load.describe import (
    Shape,
    activation_of,
    fixed_inputs,
    flat_layers,
    model_facts,
    refuse_broken_weights,
    unique,
    unrolled,
)
from lepton_edge_converters.load.keras3 import load_error
from lepton_edge_runtime.errors import MissingExtraError


class Keras2Model:
    """A tf_keras model whose inputs are known: what a file holds is functional or Sequential."""

    def __init__(self, model: Any, notes: tuple[str, ...] = ()) -> None:
        self.model = model
        self._notes = notes

    def call(self, tensors: list[Any]) -> list[Any]:
        """Return the model's outputs, flat, for one tensor an input, in the model's order."""
        import tensorflow as tf  # noqa: PLC0415 - tf_keras is imported only where one of its models is

        packed = tensors[0] if len(tensors) == 1 else tensors
        return list(tf.nest.flatten(self.model(packed, training=False)))

    def describe(
        self, *, sha256: str, picture_size: tuple[int, int] | None, sample_shapes: list[tuple[int, ...]]
    ) -> ModelFacts:
        """Return what is known of the model; see ``LoadedModel``."""
        model = self.model
        if not getattr(model, "inputs", None):
            raise LoadError("the model has never been called, so its inputs are not known; call it once on a sample")
        refuse_broken_weights((weight.name, weight.numpy()) for weight in model.weights)
        named = zip(unique(model.input_names), model.inputs, strict=True)
        inputs = fixed_inputs(((name, t.dtype.name, _shape(t)) for name, t in named), picture_size, sample_shapes)
        outputs = tuple(
            EndFacts(name, t.dtype.name, _shape(t), activation_of(_maker(t)))
            for name, t in zip(unique(model.output_names), model.outputs, strict=True)
        )
        return model_facts(model, sha256, inputs, outputs, _fixed_batch(model), self._notes)

    def unrolled(self) -> AbstractContextManager[None]:
        """Let recurrent layers write out their steps."""
        return unrolled(self.model)


def load_model(path: Path, custom_objects: Mapping[str, Any], *, trust: bool) -> Keras2Model:
    """Return the model in an HDF5 or ``.keras`` file that Keras 2 wrote.

    Raises:
        MissingExtraError: tf_keras is not installed.
        LoadError: It cannot load the file.
    """
    if find_spec("tf_keras") is None:
        raise MissingExtraError("Keras 2 (tf_keras)", extra="convert")
    import tf_keras  # noqa: PLC0415 - seconds, and only for these files

    try:
        model = tf_keras.models.load_model(
            path, custom_objects=dict(custom_objects), compile=False, safe_mode=not trust
        )
    except (ValueError, TypeError, KeyError, OSError, AttributeError) as refused:
        raise load_error(path, refused) from refused
    return Keras2Model(model, (f"{path.name} is a Keras 2 file; tf_keras {tf_keras.__version__} loaded it",))


def _fixed_batch(model: Any) -> int | None:
    """Return the batch size that a model is bound to.

    A Sequential without an input layer keeps the batch that it was trained with in its file; only layers with a
    state hold it to that.
    """
    size: int | None = model.inputs[0].shape[0]
    bound = any(getattr(layer, "stateful", False) for layer in flat_layers(model))
    return size if bound or size is None else 1


def _shape(tensor: Any) -> Shape:
    return tuple(tensor.shape.as_list()[1:])


def _maker(tensor: Any) -> Any:
    return getattr(getattr(tensor, "_keras_history", None), "layer", None)
