"""Keras 3 models: loaded, called, and run for reference.

This room's other modules import Keras and TensorFlow too: they run in the worker, or, for a model that is
already in memory, in the process that holds it.
"""

import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lepton_edge_converters.errors import LoadError
from lepton_edge_converters.facts import ModelFacts


def load_model(path: Path) -> Any:
    """Return the Keras model in a ``.keras`` file.

    Raises:
        LoadError: The file is missing, no Keras 3 model, or of a kind that is not loaded.
    """
    if path.suffix == ".lepton":
        raise LoadError(
            f"{path} is a bundle already: it was converted from a Keras model, which is what 'convert' takes"
        )
    if not path.is_file():
        raise LoadError(f"there is no model file {path}")
    if path.suffix != ".keras":
        raise LoadError(f"{path} is no .keras file; save the model with Keras 3: model.save('{path.stem}.keras')")
    if not zipfile.is_zipfile(path):
        raise LoadError(f"{path} is no Keras 3 model: a .keras file is a zip archive, and this is not one")
    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile) as refused:
        raise LoadError(f"Keras cannot load {path}: {_first_line(refused)}") from refused


def call(model: Any, tensors: list[Any]) -> list[Any]:
    """Return the model's outputs, flat, for one tensor an input, in the model's order."""
    return list(keras.tree.flatten(model(packed(model, tensors), training=False)))


def predict(model: Any, tensors: list[NDArray[Any]], facts: ModelFacts) -> list[NDArray[np.float32]]:
    """Return the model's answers to a batch, one array an output: the reference for everything else."""
    step = len(tensors[0]) if facts.batch is None else 1
    # Called eagerly: ``model.predict`` would compile, and leave its traces in the caller's model.
    parts = [
        call(model, [tf.convert_to_tensor(tensor[i : i + step]) for tensor in tensors])
        for i in range(0, len(tensors[0]), step)
    ]
    return [np.concatenate([np.asarray(part[i]) for part in parts]) for i in range(len(facts.outputs))]


def packed(model: Any, tensors: list[Any]) -> Any:
    """Return the tensors in the structure (single, list, dict) in which the model takes them."""
    if len(tensors) == 1 and not isinstance(getattr(model, "_inputs_struct", None), dict):
        return tensors[0]
    structure = getattr(model, "_inputs_struct", None)
    if structure is None and isinstance(build_shapes(model), dict):
        return dict(zip(build_shapes(model), tensors, strict=True))
    return keras.tree.pack_sequence_as(structure, tensors) if structure is not None else tensors


def build_shapes(model: Any) -> Any:
    """Return the shape, or list or dict of shapes, that a subclassed model was built with."""
    config = model.get_build_config() or {}
    return config.get("input_shape", config.get("shapes_dict"))


def _first_line(problem: Exception) -> str:
    return next((line.strip() for line in str(problem).splitlines() if line.strip()), type(problem).__name__)
