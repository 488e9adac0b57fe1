"""A loaded model as a graph that needs no Keras: one frozen function, as a SavedModel."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.compat.v1.graph_util import extract_sub_graph

from lepton_edge_converters.errors import LoadError
from lepton_edge_converters.facts import ModelFacts
from lepton_edge_converters.load.frozen import freeze, imported
from lepton_edge_converters.load.loaded import LoadedModel
from lepton_edge_converters.load.rewrites import rewritten
from lepton_edge_runtime.card import Activation, Batch

_LOOPS = ("While", "StatelessWhile")
_CONVOLUTIONS = ("Conv2D", "Conv3D", "DepthwiseConv2dNative")
_STEPS_MAX = 128
_OPERATORS = {"softmax": "Softmax", "sigmoid": "Sigmoid"}


def trace(
    loaded: LoadedModel,
    facts: ModelFacts,
    folder: Path,
    *,
    batch: Batch = 1,
    unroll: bool = False,
    left_out: Activation | None = None,
) -> bool:
    """Write the model as a SavedModel of one frozen function; return whether it has loops.

    A loop with convolutions inside, a ConvLSTM's, is written out in any case: tf2onnx leaves TensorFlow's in there,
    which no engine takes.

    Its inputs are called ``input_0`` …, its outputs ``output_0`` …, in the model's order. Freezing first
    leaves no variables, whose names (``_fc/bias``) TensorFlow may refuse as scopes.

    Args:
        loaded: The model.
        facts: What is known of it.
        folder: To write.
        batch: How many samples it takes at once.
        unroll: Whether loops are written out.
        left_out: The activation, softmax or sigmoid, that its only output ends in, and the graph shall not.

    Raises:
        LoadError: The graph ends in something else.
    """
    size = None if batch == "dynamic" else batch
    signature = [tf.TensorSpec((size, *end.shape), end.dtype, name=f"input_{i}") for i, end in enumerate(facts.inputs)]

    def flat_call(*tensors: Any) -> list[Any]:
        return [tf.identity(output) for output in loaded.call(list(tensors))]

    with loaded.unrolled() if unroll else nullcontext():
        concrete = tf.function(flat_call, input_signature=signature).get_concrete_function()
    frozen = freeze(concrete)
    if left_out is not None:
        frozen = _without_end(frozen, left_out)
    short = all((size or 0) <= _STEPS_MAX for end in facts.inputs for size in end.shape[:1])
    if not unroll and short and _convolves_in_a_loop(frozen):
        return trace(loaded, facts, folder, batch=batch, unroll=True, left_out=left_out)
    save_function(rewritten(frozen), signature, folder)
    return any(operation.type in _LOOPS for operation in frozen.graph.get_operations())


def _without_end(frozen: Any, activation: Activation) -> Any:
    """Return a frozen function of one output without the activation that this ends in."""
    (output,) = frozen.outputs
    while output.op.type == "Identity":
        output = output.op.inputs[0]
    if output.op.type != _OPERATORS[activation]:
        raise LoadError(
            f"the model's answers are those of a {activation}, and what makes them is {output.op.type} "
            f"({output.op.name}): there are no logits before it that could be taken instead (--no-logits)"
        )
    logits = output.op.inputs[0]
    kept = [logits.op.name, *(tensor.op.name for tensor in frozen.inputs)]
    definition = extract_sub_graph(frozen.graph.as_graph_def(), kept)
    signature = [tf.TensorSpec(tensor.shape, tensor.dtype, tensor.op.name) for tensor in frozen.inputs]
    cut = tf.function(imported(definition, frozen, [logits.name]), input_signature=signature)
    return freeze(cut.get_concrete_function())


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
