"""A loaded model as a graph that needs no Keras: one frozen function with batch 1, as a SavedModel."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from lepton_edge_converters.facts import ModelFacts
from lepton_edge_converters.load.loaded import LoadedModel

_LOOPS = ("While", "StatelessWhile")


def trace(loaded: LoadedModel, facts: ModelFacts, folder: Path, *, unroll: bool = False) -> bool:
    """Write the model as a SavedModel of one frozen function with batch 1; return whether it has loops.

    Its inputs are called ``input_0`` …, its outputs ``output_0`` …, in the model's order. Freezing first
    leaves no variables, whose names (``_fc/bias``) TensorFlow may refuse as scopes.
    """
    signature = [tf.TensorSpec((1, *end.shape), end.dtype, name=f"input_{i}") for i, end in enumerate(facts.inputs)]

    def flat_call(*tensors: Any) -> list[Any]:
        return [tf.identity(output) for output in loaded.call(list(tensors))]

    with loaded.unrolled() if unroll else nullcontext():
        concrete = tf.function(flat_call, input_signature=signature).get_concrete_function()
    frozen = convert_variables_to_constants_v2(concrete, lower_control_flow=False)
    pruned = _without_neg(frozen)

    def named_call(*tensors: Any) -> dict[str, Any]:
        return {f"output_{i}": output for i, output in enumerate(pruned(*tensors))}

    holder = tf.Module()
    holder.call = tf.function(named_call, input_signature=signature)
    # The gradients of swish refer to tensors that freezing has taken away, and nobody trains this graph.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(holder, str(folder), signatures=holder.call.get_concrete_function(), options=options)
    return any(operation.type in _LOOPS for operation in frozen.graph.get_operations())


def _without_neg(frozen: Any) -> Any:
    """Return the frozen function with each ``Neg`` as a multiplication by -1.

    The two are equal to the bit, and TFLite has an 8-bit multiplication but no 8-bit ``NEG``: a
    LayerNormalization would keep a hole of float in an int8 file. The ``Neg`` of an exact GELU stays: the
    converter knows that pattern whole.
    """
    definition = frozen.graph.as_graph_def()
    gelu = _before_erfc(definition)
    for node in [node for node in definition.node if node.op == "Neg" and node.name not in gelu]:
        dtype = node.attr["T"].type
        factor = definition.node.add(name=f"{node.name}/minus_one", op="Const")
        factor.attr["dtype"].type = dtype
        factor.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(-1, dtype=dtype))
        node.op = "Mul"
        node.input.insert(1, factor.name)
    inputs = [tensor.name for tensor in frozen.inputs]
    outputs = [tensor.name for tensor in frozen.outputs]

    def imported(*tensors: Any) -> list[Any]:
        feed = dict(zip(inputs, tensors, strict=True))
        answers: list[Any] = tf.graph_util.import_graph_def(
            definition, input_map=feed, return_elements=outputs, name=""
        )
        return answers

    return imported


def _before_erfc(definition: Any) -> set[str]:
    """Return the nodes one and two steps before an ``Erfc``: ``x / 2 * erfc(-x / sqrt(2))``."""
    inputs = {node.name: [name.split(":")[0] for name in node.input] for node in definition.node}
    first = {name for node in definition.node if node.op == "Erfc" for name in inputs[node.name]}
    return first | {name for node in first for name in inputs[node]}
