"""SavedModels: one signature of a folder that TensorFlow wrote."""

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from lepton_edge_converters.errors import LoadError
from lepton_edge_converters.facts import EndFacts, ModelFacts
from lepton_edge_converters.load.describe import Shape, checked_batch, fixed_inputs, refuse_broken_weights
from lepton_edge_runtime.card import Activation
from lepton_edge_runtime.errors import first_line
from lepton_edge_runtime.wire import nearest

_DEFAULT = "serving_default"
_ACTIVATIONS: dict[str, Activation] = {"Softmax": "softmax", "Sigmoid": "sigmoid"}


class SavedModel:
    """One signature of a SavedModel; inputs and outputs are sorted by name, as TensorFlow gives them."""

    def __init__(self, loaded: Any, name: str, signature: Any, notes: tuple[str, ...]) -> None:
        self._loaded = loaded  # owns the variables
        self._name = name
        self._signature = signature
        self._notes = notes
        self._inputs: dict[str, Any] = dict(sorted(signature.structured_input_signature[1].items()))
        self._outputs: dict[str, Any] = dict(sorted(signature.structured_outputs.items()))

    def call(self, tensors: list[Any]) -> list[Any]:
        """Return the signature's outputs for one tensor an input, both sorted by name."""
        answers = self._signature(**dict(zip(self._inputs, tensors, strict=True)))
        return [answers[name] for name in self._outputs]

    def describe(
        self, *, sha256: str, picture_size: tuple[int, int] | None, sample_shapes: list[tuple[int, ...]]
    ) -> ModelFacts:
        """Return what is known of the signature; see ``LoadedModel``."""
        variables = {variable.name: variable for variable in self._signature.variables}
        refuse_broken_weights((name, variable.numpy()) for name, variable in variables.items())
        declared = ((name, spec.dtype.name, _shape(name, spec)) for name, spec in self._inputs.items())
        inputs = fixed_inputs(declared, picture_size, sample_shapes)
        activations = self._activations()
        outputs = tuple(
            EndFacts(name, spec.dtype.name, _shape(name, spec), activations.get(name))
            for name, spec in self._outputs.items()
        )
        return ModelFacts(
            name=self._name,
            sha256=sha256,
            inputs=inputs,
            outputs=outputs,
            parameters=sum(int(np.prod(variable.shape)) for variable in variables.values()),
            layers=0,
            batch=checked_batch(next(iter(self._inputs.values())).shape[0]),
            notes=self._notes,
        )

    def unrolled(self) -> AbstractContextManager[None]:
        """Return a context that changes nothing: the steps of a finished graph cannot be written out."""
        return nullcontext()

    def _activations(self) -> dict[str, Activation]:
        """Return what the numbers of outputs are, where their last operator tells."""
        frozen = convert_variables_to_constants_v2(self._signature, lower_control_flow=False)
        found: dict[str, Activation] = {}
        # A frozen function gives its outputs flat, sorted by key.
        for name, tensor in zip(self._outputs, frozen.outputs, strict=True):
            operator = tensor.op
            while operator.type == "Identity":
                operator = operator.inputs[0].op
            if operator.type in _ACTIVATIONS:
                found[name] = _ACTIVATIONS[operator.type]
        return found


def load_model(path: Path, signature: str) -> SavedModel:
    """Return a SavedModel's signature: the one named, the only one, or TensorFlow's default one.

    Raises:
        LoadError: TensorFlow cannot load the folder, or it has no such signature.
    """
    try:
        loaded = tf.saved_model.load(os.fspath(path))
    except Exception as refused:
        # TensorFlow raises anything from OSError to errors of its own when a file of the folder is missing.
        raise LoadError(f"TensorFlow cannot load the SavedModel {path}: {first_line(refused)}") from refused
    signatures = dict(loaded.signatures)
    name, notes = _chosen(path, list(signatures), signature)
    chosen = signatures[name]
    if not chosen.structured_input_signature[1]:
        raise LoadError(f"the signature {name!r} of {path} takes nothing; choose another (--signature)")
    return SavedModel(loaded, path.resolve().name, chosen, notes)


def _chosen(path: Path, names: list[str], asked: str) -> tuple[str, tuple[str, ...]]:
    usable = [name for name in names if not name.startswith("__saved_model")]
    listed = ", ".join(map(repr, usable))
    if not usable:
        raise LoadError(f"the SavedModel {path} has no signature; give tf.saved_model.save() one (signatures=…)")
    if asked:
        if asked not in usable:
            raise LoadError(f"{path} has no signature {asked!r}; it has: {listed}{nearest(asked, usable)}")
        return asked, ()
    if len(usable) == 1:
        return usable[0], ()
    if _DEFAULT in usable:
        return _DEFAULT, (f"of the signatures {listed}, {_DEFAULT!r} was taken (--signature)",)
    raise LoadError(f"{path} has several signatures: {listed}; say which one (--signature)")


def _shape(name: str, spec: Any) -> Shape:
    if spec.shape.rank is None:
        raise LoadError(f"{name!r} has a shape of unknown rank; save the model with a signature that fixes it")
    if spec.shape.rank == 0:
        raise LoadError(f"{name!r} is a single number without a batch axis, which cannot be converted")
    return tuple(spec.shape.as_list()[1:])
