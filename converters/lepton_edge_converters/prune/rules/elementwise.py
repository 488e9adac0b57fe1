"""Layers that leave channels at their places: activations, pooling, padding, noise."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lepton_edge_converters.prune.channels import Label
from lepton_edge_converters.prune.visit import Rule, Visit

_ELEMENTWISE = {
    "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "swish", "mish", "sigmoid",
    "hard_sigmoid", "hard_silu", "hard_swish", "log_sigmoid", "tanh", "hard_tanh", "tanh_shrink", "hard_shrink",
    "soft_shrink", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "squareplus", "exponential", "threshold",
}  # fmt: skip


def is_elementwise(activation: Any) -> bool:
    """Return whether an activation looks at one number at a time, as far as is known."""
    if activation is None:
        return True
    name = getattr(activation, "__name__", None) or type(activation).__name__.lower()
    home = getattr(activation, "__module__", "")
    return home.startswith("keras.") and (name in _ELEMENTWISE or name == "leakyrelu")


def unchanged(visit: Visit) -> Sequence[Label | None]:
    """Pass on which channel is where."""
    return [visit.labels[0]]


def spatial(visit: Visit) -> Sequence[Label | None]:
    """Follow what works along the axes between batch and channels."""
    label = visit.labels[0]
    if label is None or label.axis == len(visit.inputs[0]) - 1:
        return visit.last(label.ids) if label else [None]
    visit.stay(label, f"{visit.call.name} works along the axis of the channels")
    return [None]


def activation(visit: Visit) -> Sequence[Label | None]:
    """Follow Activation where its function looks at one number at a time."""
    if is_elementwise(visit.layer.activation):
        return unchanged(visit)
    return at_once(visit)


def at_once(visit: Visit) -> Sequence[Label | None]:
    """Freeze what goes into a softmax and the like."""
    visit.stay(visit.labels[0], f"{visit.call.name} looks at all channels at once")
    return [visit.labels[0]]


def softmax(visit: Visit) -> Sequence[Label | None]:
    """Follow Softmax along another axis than that of the channels."""
    label, axis = visit.labels[0], visit.layer.axis
    axes = {one % len(visit.inputs[0]) for one in (axis if isinstance(axis, list | tuple) else [axis])}
    return unchanged(visit) if label is None or label.axis not in axes else at_once(visit)


def prelu(visit: Visit) -> Sequence[Label | None]:
    """Follow PReLU, whose slopes may be one a channel."""
    label, slopes = visit.labels[0], visit.layer.alpha
    if label is not None and slopes.shape[label.axis - 1] == len(label.ids):
        visit.follows(slopes, label.axis - 1, label.ids)
    return unchanged(visit)


def own_numbers(visit: Visit) -> Sequence[Label | None]:
    """Freeze what is brought to a mean and a variance that were once measured: the model's inputs."""
    visit.stay(visit.labels[0], f"{visit.call.name} has numbers of its own for each channel")
    return unchanged(visit)


def rescaling(visit: Visit) -> Sequence[Label | None]:
    """Follow Rescaling by one number for all channels."""
    return own_numbers(visit) if np.ndim(visit.layer.scale) or np.ndim(visit.layer.offset) else unchanged(visit)


_UNCHANGED = (
    "ReLU", "LeakyReLU", "ELU", "Identity", "Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise",
    "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "ActivityRegularization", "UnitNormalization",
)  # fmt: skip
_SPATIAL = (
    *(f"{kind}{n}D" for n in (1, 2, 3) for kind in (
        "MaxPooling", "AveragePooling", "GlobalMaxPooling", "GlobalAveragePooling", "AdaptiveMaxPooling",
        "AdaptiveAveragePooling", "ZeroPadding", "Cropping", "UpSampling",
    )),
    "Resizing", "CenterCrop", "RandomCrop", "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom",
)  # fmt: skip

RULES: Mapping[str, Rule] = {
    **dict.fromkeys(_UNCHANGED, unchanged),
    **dict.fromkeys(_SPATIAL, spatial),
    "Activation": activation,
    "Softmax": softmax,
    "PReLU": prelu,
    "Rescaling": rescaling,
    "Normalization": own_numbers,
    "Masking": at_once,
}
