"""Keras 3 models: loaded, described and called.

This room's loaders import Keras and TensorFlow: they run in the worker, or, for a model that is already in
memory, in the process that holds it.
"""

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from lepton_edge_converters.errors import LoadError
from lepton_edge_converters.facts import EndFacts, ModelFacts
from lepton_edge_converters.load.custom import unknown_name
from lepton_edge_converters.load.describe import (
    Shape,
    activation_of,
    fixed_inputs,
    hash_in_memory,
    model_facts,
    refuse_broken_weights,
    unique,
    unrolled,
)
from lepton_edge_converters.load.text import split_off, told
from lepton_edge_converters.stages.digest import digest
from lepton_edge_runtime.errors import first_line

_HALF = ("float16", "bfloat16")


class Keras3Model:
    """A Keras 3 model: functional, Sequential or subclassed; one of mixed precision is computed in float32.

    A TextVectorization that comes first is split off: ``model`` is what follows, and takes its numbers.
    """

    def __init__(self, model: Any) -> None:
        self.whole = model
        model, self.vectorizer = split_off(model)
        self.model = model
        layers = model._flatten_layers()  # noqa: SLF001 - the public list leaves out layers inside layers
        self._half = [layer for layer in layers if layer.compute_dtype in _HALF]

    def call(self, tensors: list[Any]) -> list[Any]:
        """Return the model's outputs, flat, for one tensor an input, in the model's order."""
        with self._in_float32():
            return list(keras.tree.flatten(self.model(packed(self.model, tensors), training=False)))

    def describe(
        self, *, sha256: str, picture_size: tuple[int, int] | None, sample_shapes: list[tuple[int, ...]]
    ) -> ModelFacts:
        """Return what is known of the model; see ``LoadedModel``."""
        model = self.model
        refuse_broken_weights((variable.path, variable) for variable in model.variables)
        declared = _declared_inputs(model, sample_shapes)
        inputs = told(self.whole, self.vectorizer, fixed_inputs(declared, picture_size, sample_shapes))
        symbolic = getattr(model, "inputs", None)
        batch = symbolic[0].shape[0] if symbolic else None
        with self._in_float32():
            outputs = tuple(_output_facts(model, inputs))
        notes = (f"{len(self._half)} layers were trained to compute in 16 bits; they are converted in float32",) * bool(
            self._half
        )
        facts = model_facts(model, sha256, inputs, outputs, batch, notes)
        if self.vectorizer is not None and not sha256:
            facts = replace(facts, sha256=hash_in_memory(self.whole, digest(inputs)))
        names = {layer.name for layer in model._flatten_layers()}  # noqa: SLF001 - the only way into nested models
        return replace(facts, layer_names=tuple(sorted(names)))

    @contextmanager
    def _in_float32(self) -> Iterator[None]:
        """Let layers of half precision compute in float32: the converters know no other float."""
        before = [layer.dtype_policy for layer in self._half]
        try:
            for layer in self._half:
                layer.dtype_policy = "float32"
            yield
        finally:
            for layer, policy in zip(self._half, before, strict=True):
                layer.dtype_policy = policy

    def unrolled(self) -> AbstractContextManager[None]:
        """Let recurrent layers write out their steps."""
        return unrolled(self.model)


def load_model(path: Path, custom_objects: Mapping[str, Any], *, trust: bool) -> Keras3Model:
    """Return the model in a ``.keras`` file, or in an ``.h5`` file that Keras 3 wrote.

    Raises:
        LoadError: Keras cannot load it.
    """
    try:
        return Keras3Model(
            keras.models.load_model(path, custom_objects=dict(custom_objects), compile=False, safe_mode=not trust)
        )
    except (ValueError, TypeError, KeyError, OSError, AttributeError, zipfile.BadZipFile) as refused:
        raise load_error(path, refused) from refused


def load_error(path: Path, refused: Exception) -> LoadError:
    """Return a loading library's refusal in our words."""
    unknown = unknown_name(refused)
    if unknown is not None:
        return LoadError(
            f"{path} is made of {unknown!r}, which is not Keras's own; say where it is defined: "
            f"--custom MODULE:{unknown} (custom_objects={{{unknown!r}: …}})"
        )
    return LoadError(f"Keras cannot load {path}: {first_line(refused)}")


def _declared_inputs(model: Any, sample_shapes: list[tuple[int, ...]]) -> list[tuple[str, str, Shape]]:
    """Return name, type and shape (without batch) of each input, as the model or the samples tell."""
    symbolic = getattr(model, "inputs", None)
    if symbolic:
        names = unique(tensor.name for tensor in symbolic)
        return [(name, t.dtype, tuple(t.shape[1:])) for name, t in zip(names, symbolic, strict=True)]
    shapes = _build_shapes(model)
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
    names = unique(_output_names(model, answer, len(outputs)))
    last = last_operations(model, len(outputs))
    return [
        EndFacts(name, keras.backend.standardize_dtype(o.dtype), tuple(o.shape[1:]), activation_of(operation))
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


def last_operations(model: Any, count: int) -> list[Any]:
    """Return the layer that makes each output, as far as the model shows it."""
    if isinstance(model, keras.Sequential):
        return [model.layers[-1]] if model.layers else [None]
    outputs = getattr(model, "outputs", None)
    if not outputs or len(outputs) != count:
        return [None] * count
    made_by = [getattr(getattr(output, "_keras_history", None), "operation", None) for output in outputs]
    return [last_operations(one, 1)[0] if isinstance(one, keras.Model) else one for one in made_by]


def packed(model: Any, tensors: list[Any]) -> Any:
    """Return the tensors in the structure (single, list, dict) in which the model takes them."""
    structure = getattr(model, "_inputs_struct", None)
    if len(tensors) == 1 and not isinstance(structure, dict):
        return tensors[0]
    if structure is None and isinstance(_build_shapes(model), dict):
        return dict(zip(_build_shapes(model), tensors, strict=True))
    return keras.tree.pack_sequence_as(structure, tensors) if structure is not None else tensors


def _build_shapes(model: Any) -> Any:
    """Return the shape, or list or dict of shapes, that a subclassed model was built with."""
    config = model.get_build_config() or {}
    return config.get("input_shape", config.get("shapes_dict"))
