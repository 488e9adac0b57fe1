"""Layers left in float among quantized ones, kept out of reach of ONNX Runtime's optimizer.

Where a convolution or a matrix product with float weights stands between DQ and Q, ONNX Runtime quantizes the weights
when it loads the file, with one scale for all channels. On EfficientNet-Lite0 that cost 11 dB, through the one layer
that had been left in float to gain some.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

_WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
_BETWEEN = frozenset({"Clip", "Relu"})  # the optimizer looks past these


def keep_weights_real(model: onnx.ModelProto) -> None:
    """Put a ``Max`` with the least number that Q can store before each such Q: it saturates there anyway."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    makers = {node.output[0]: node for node in model.graph.node}
    nodes = []
    for i, node in enumerate(model.graph.node):
        if node.op_type == "QuantizeLinear" and _float_weights(makers.get(node.input[0]), makers, constants):
            least, bounded = f"spared_{i}_least", f"spared_{i}"
            model.graph.initializer.append(numpy_helper.from_array(_least(node, constants), least))
            nodes.append(helper.make_node("Max", [node.input[0], least], [bounded]))
            node.input[0] = bounded
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _float_weights(
    node: onnx.NodeProto | None, makers: dict[str, onnx.NodeProto], constants: dict[str, onnx.TensorProto]
) -> bool:
    """Return whether a node, or the one before its activation, computes with weights that are stored as floats."""
    if node is not None and node.op_type in _BETWEEN:
        node = makers.get(node.input[0])
    if node is None or node.op_type not in _WEIGHTED:
        return False
    weights = constants.get(node.input[1])
    return weights is not None and weights.data_type == onnx.TensorProto.FLOAT


def _least(quantizer: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> NDArray[np.float32]:
    scale = numpy_helper.to_array(constants[quantizer.input[1]])
    zero_point = numpy_helper.to_array(constants[quantizer.input[2]])
    # One step lower, so that no rounding of this number shows.
    lowest = np.iinfo(zero_point.dtype).min - int(zero_point.item()) - 1
    return np.array(lowest * float(scale.item()), np.float32)
