"""Which weights of a layer are made sparse, and why those of others are not."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.sparsity.written import Layer
from lepton_edge_converters.thinning import Sparsity

_WORTHWHILE = 200  # weights: in fewer there is nothing to gain, and the first layer's few are the dearest (Zhu & Gupta)

KERNELS: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D", "Dense", "Embedding"), (0,)),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), (0,)),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), (1,)),
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN"), (0, 1)),
}
"""Places of the kernels among a layer's weights, for the layers that tensorflow-model-optimization makes sparse."""

_UNKNOWN_TO_IT = frozenset({"Conv1DTranspose"})  # tensorflow-model-optimization 0.8 has no row for it
_RECURRENT = frozenset({"LSTM", "GRU", "SimpleRNN"})
_IN_BLOCKS = frozenset({"Conv2D", "Dense", "SeparableConv2D"})  # whose kernels' rows TFLite stores along the inputs


def kernels(layer: Layer, weights: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """Return what weights of a layer are kernels: those that would be made sparse, or, of other layers, matrices."""
    if layer.kind in KERNELS:
        return [weights[i] for i in KERNELS[layer.kind]]
    return [one for one in weights if one.ndim > 1]


def why_no_zeros(layer: Layer, weights: list[NDArray[Any]], settings: Sparsity) -> str:
    """Return why no weights of a layer are made zero; empty where they are."""
    reason = _why_at_all(layer, weights, settings)
    if reason or settings.blocks is None:
        return reason
    if layer.kind not in _IN_BLOCKS:
        return f"{settings.zeros} is for kernels of Conv2D, SeparableConv2D and Dense"
    (kernel,) = kernels(layer, weights)
    inputs, of = kernel.shape[-2], settings.blocks[1]
    return "" if inputs % of == 0 else f"its {inputs} input channels are no multiple of {of}"


def why_no_clusters(layer: Layer, weights: list[NDArray[Any]], settings: Sparsity) -> str:
    """Return why the weights of a layer are not clustered; empty where they are."""
    reason = _why_at_all(layer, weights, settings)
    if not reason and layer.kind in _RECURRENT:
        return "recurrent layers are not clustered"
    return reason


def zeros_of(arrays: list[NDArray[Any]]) -> float:
    """Return the share of zeros, 0 to 1, in arrays."""
    return sum(int((one == 0).sum()) for one in arrays) / max(1, sum(one.size for one in arrays))


def values_of(arrays: list[NDArray[Any]]) -> int:
    """Return how many different values the array with the most of them has."""
    return max((len(np.unique(one)) for one in arrays), default=0)


def known_as(layer: Layer) -> set[str]:
    """Return the names of a layer: its author's, and with those of the models that it is nested in."""
    return {layer.name, layer.name.rpartition("/")[2]}


def _why_at_all(layer: Layer, weights: list[NDArray[Any]], settings: Sparsity) -> str:
    if settings.keep and known_as(layer) & set(settings.keep):
        return "it is to be kept"
    if layer.kind.startswith("Depthwise"):
        return "depthwise kernels are small, and each of their weights counts"
    if layer.kind not in KERNELS or layer.kind in _UNKNOWN_TO_IT:
        return f"tensorflow-model-optimization is not asked to change layers of this kind ({layer.kind})"
    size = sum(one.size for one in kernels(layer, weights))
    return "" if size >= _WORTHWHILE else f"it has {size} weights: nothing to gain"
