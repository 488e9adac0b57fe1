"""A traced function with its variables as constants, and no call of another function left that could be inlined."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

_COMPILED = "_XlaMustCompile"


def freeze(concrete: Any) -> Any:
    """Return the function frozen; what it calls is part of it, loops alone keep functions of their own.

    Keras asks for grouped convolutions to be compiled by XLA, and TensorFlow leaves a call of what XLA shall compile
    alone. ONNX has no calls, so that wish is dropped: the operators are the same.
    """
    frozen = convert_variables_to_constants_v2(concrete, lower_control_flow=False)
    definition = frozen.graph.as_graph_def()
    if not any(function.attr[_COMPILED].b for function in definition.library.function):
        return frozen
    nodes = (*definition.node, *(node for function in definition.library.function for node in function.node_def))
    for marked in (*definition.library.function, *nodes):
        for wish in (_COMPILED, "_noinline"):
            marked.attr.pop(wish, None)
    signature = [tf.TensorSpec(tensor.shape, tensor.dtype, tensor.op.name) for tensor in frozen.inputs]
    inlined = tf.function(imported(definition, frozen), input_signature=signature).get_concrete_function()
    return convert_variables_to_constants_v2(inlined, lower_control_flow=False)


def imported(definition: Any, frozen: Any, outputs: Sequence[str] = ()) -> Callable[..., list[Any]]:
    """Return what calls a changed definition of a frozen function as the function was called.

    Args:
        definition: What is called.
        frozen: The function as it was.
        outputs: Names of the tensors to return, where they are others.
    """
    inputs = [tensor.name for tensor in frozen.inputs]
    outputs = list(outputs) or [tensor.name for tensor in frozen.outputs]

    def flat_call(*tensors: Any) -> list[Any]:
        feed = dict(zip(inputs, tensors, strict=True))
        answers: list[Any] = tf.graph_util.import_graph_def(
            definition, input_map=feed, return_elements=outputs, name=""
        )
        return answers

    return flat_call
