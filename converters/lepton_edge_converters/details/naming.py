"""Names of layers, from the names that TensorFlow's converter gives to tensors."""

import re

_WEIGHTED_KINDS = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "CONV_3D", "BATCH_MATMUL"}
_WEIGHTED_OPERATION = re.compile(r"(separable_)?(conv|depthwise|matmul|einsum)", re.IGNORECASE)
_AGAIN = re.compile(r"_\d+$")  # the model was called once before it was traced: TensorFlow numbers the second scope
_INSIDE = {"batchnorm"}  # scopes that a layer opens for itself
_CALLS = {"PartitionedCall", "StatefulPartitionedCall"}  # scopes of a SavedModel's functions, one in the other


def layer_name(tensor: str, kind: str, model: str) -> str:
    """Return the name of the layer that makes a tensor, as far as the tensor's name tells it.

    Args:
        tensor: Such as ``net_1/relu_1/Relu6;net_1/conv_1/convolution``: what was fused, each as ``scope/…/operation``.
        kind: Of the operator that makes it; a convolution is called after the layer that has its weights.
        model: The model's name, which is the outermost scope.
    """
    fused = tensor.split(";")
    chosen = fused[0]
    if kind in _WEIGHTED_KINDS:
        chosen = next((one for one in fused if _WEIGHTED_OPERATION.match(one.rsplit("/", 1)[-1])), chosen)
    scopes = chosen.split("/")
    while len(scopes) > 1 and scopes[0] in _CALLS:
        scopes = scopes[1:]
    numbered = scopes[0] != model and _AGAIN.sub("", scopes[0]) == model
    if len(scopes) > 1 and (numbered or scopes[0] == model):
        scopes = scopes[1:]
    layers = [one for one in scopes[:-1] if one not in _INSIDE] or scopes
    return "/".join(_AGAIN.sub("", one) if numbered else one for one in layers)
