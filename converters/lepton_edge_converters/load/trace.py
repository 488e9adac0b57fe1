"""A loaded model as a graph that needs no Keras: one frozen function, as a SavedModel."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import tensorflow as tf

from lepton_edge_converters.facts import ModelFacts
from lepton_edge_converters.load.frozen import freeze
from lepton_edge_converters.load.loaded import LoadedModel
from lepton_edge_converters.load.rewrites import rewritten
from lepton_edge_runtime.card import Batch

_LOOPS = ("While", "StatelessWhile")
_CONVOLUTIONS = ("Conv2D", "Conv3D", "DepthwiseConv2dNative")
_STEPS_MAX = 128


def trace(loaded: LoadedModel, facts: ModelFacts, folder: Path, *, batch: Batch = 1, unroll: bool = False) -> bool:
    """Write the model as a SavedModel of one frozen function; return whether it has loops.

    A loop with convolutions inside, a ConvLSTM's, is written out in any case: tf2onnx leaves TensorFlow's in there,
    which no engine takes.

    Its inputs are called ``input_0`` …, its outputs ``output_0`` …, in the model's order. Freezing first
    leaves no variables, whose names (``_fc/bias``) TensorFlow may refuse as scopes.
    """
    size = None if batch == "dynamic" else batch
    signature = [tf.TensorSpec((size, *end.shape), end.dtype, name=f"input_{i}") for i, end in enumerate(facts.inputs)]

    def flat_call(*tensors: Any) -> list[Any]:
        return [tf.identity(output) for output in loaded.call(list(tensors))]

    with loaded.unrolled() if unroll else nullcontext():
        concrete = tf.function(flat_call, input_signature=signature).get_concrete_function()
    frozen = freeze(concrete)
    short = all((size or 0) <= _STEPS_MAX for end in facts.inputs for size in end.shape[:1])
    if not unroll and short and _convolves_in_a_loop(frozen):
        return trace(loaded, facts, folder, batch=batch, unroll=True)
    save_function(rewritten(frozen), signature, folder)
    return any(operation.type in _LOOPS for operation in frozen.graph.get_operations())


def _convolves_in_a_loop(frozen: Any) -> bool:
    """Return whether a function that is left after freezing, which only loops have, holds a convolution."""
    functions = frozen.graph.as_graph_def().library.function
    return any(node.op in _CONVOLUTIONS for function in functions for node in function.node_def)


def save_function(graph: Callable[..., list[Any]], signature: list[Any], folder: Path) -> None:
    """Write a function without variables as a SavedModel whose outputs are called ``output_0`` …."""

    def named_call(*tensors: Any) -> dict[str, Any]:
        return {f"output_{i}": output for i, output in enumerate(graph(*tensors))}

    holder = tf.Module()
    holder.call = tf.function(named_call, input_signature=signature)
    # The gradients of swish refer to tensors that freezing has taken away, and nobody trains this graph.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(holder, str(folder), signatures=holder.call.get_concrete_function(), options=options)
    # Nothing but a random number and checksums: without it, the same model gives the same files.
    (folder / "fingerprint.pb").unlink(missing_ok=True)
