"""The layers that can be carried from Keras 3 to tf_keras, with what is carried of each."""

from collections.abc import Mapping
from typing import Any

_CONV = (
    "filters",
    "kernel_size",
    "strides",
    "padding",
    "data_format",
    "dilation_rate",
    "groups",
    "activation",
    "use_bias",
)
_TRANSPOSED = tuple(one for one in _CONV if one != "groups")
_DEPTHWISE = (
    "depth_multiplier", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "activation", "use_bias",
)  # fmt: skip
_SEPARABLE = (*_DEPTHWISE, "filters")
_POOL = ("pool_size", "strides", "padding", "data_format")
_GLOBAL = ("data_format", "keepdims")
_RECURRENT = (
    "units", "activation", "use_bias", "return_sequences", "return_state", "go_backwards", "unroll", "dropout",
    "recurrent_dropout",
)  # fmt: skip

LAYERS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), _CONV),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), (*_TRANSPOSED, "output_padding")),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _DEPTHWISE),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), _SEPARABLE),
    "Dense": ("units", "activation", "use_bias"),
    "Embedding": ("input_dim", "output_dim", "mask_zero"),
    "LSTM": (*_RECURRENT, "recurrent_activation"),
    "GRU": (*_RECURRENT, "recurrent_activation", "reset_after"),
    "SimpleRNN": _RECURRENT,
    "Bidirectional": ("merge_mode",),
    "TimeDistributed": (),
    "MultiHeadAttention": (
        "num_heads", "key_dim", "value_dim", "dropout", "use_bias", "output_shape", "attention_axes",
    ),
    "BatchNormalization": ("axis", "momentum", "epsilon", "center", "scale"),
    "LayerNormalization": ("axis", "epsilon", "center", "scale"),
    "GroupNormalization": ("groups", "axis", "epsilon", "center", "scale"),
    "UnitNormalization": ("axis",),
    "Normalization": ("axis", "mean", "variance", "invert"),
    "Rescaling": ("scale", "offset"),
    "Activation": ("activation",),
    "ReLU": ("max_value", "negative_slope", "threshold"),
    "LeakyReLU": ("negative_slope",),
    "PReLU": ("shared_axes",),
    "ELU": ("alpha",),
    "Softmax": ("axis",),
    **dict.fromkeys(("MaxPooling1D", "MaxPooling2D", "MaxPooling3D"), _POOL),
    **dict.fromkeys(("AveragePooling1D", "AveragePooling2D", "AveragePooling3D"), _POOL),
    **dict.fromkeys(("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D"), _GLOBAL),
    **dict.fromkeys(("GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D"), _GLOBAL),
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"), ()),
    "Concatenate": ("axis",),
    "Dot": ("axes", "normalize"),
    "Flatten": ("data_format",),
    "Reshape": ("target_shape",),
    "Permute": ("dims",),
    "RepeatVector": ("n",),
    "Masking": ("mask_value",),
    "ZeroPadding1D": ("padding",),
    "Cropping1D": ("cropping",),
    "UpSampling1D": ("size",),
    **dict.fromkeys(("ZeroPadding2D", "ZeroPadding3D"), ("padding", "data_format")),
    **dict.fromkeys(("Cropping2D", "Cropping3D"), ("cropping", "data_format")),
    "UpSampling2D": ("size", "data_format", "interpolation"),
    "UpSampling3D": ("size", "data_format"),
    "Dropout": ("rate", "noise_shape"),
    "GaussianDropout": ("rate",),
    "AlphaDropout": ("rate", "noise_shape"),
    "GaussianNoise": ("stddev",),
    **dict.fromkeys(("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"), ("rate",)),
}  # fmt: skip
"""By class: the settings that are carried."""

IGNORED = frozenset({
    "name", "trainable", "dtype", "activity_regularizer", "seed", "synchronized", "use_cudnn", "layer",
    "backward_layer", "zero_output_for_mask", "unit_forget_bias", "flash_attention", "supports_masking",
    "batch_input_shape", "input_length", "renorm_momentum", "renorm_clipping",
})  # fmt: skip
"""Settings that decide nothing about the answers of a model whose weights are given."""

_USUAL = "channels_last"  # what tf_keras takes too where it has no setting for the order of axes

IGNORED_ENDINGS = ("_initializer", "_regularizer", "_constraint")

SAME_ACTIVATIONS = frozenset({
    "elu", "exponential", "gelu", "linear", "mish", "relu", "selu", "sigmoid", "softmax", "softplus", "softsign",
    "swish", "tanh",
})  # fmt: skip
"""Those that both versions compute alike under one name."""

RENAMED_ACTIVATIONS = {"silu": "swish"}

OWN_ACTIVATIONS = ("hard_sigmoid", "hard_silu", "leaky_relu", "log_softmax", "relu6")
"""Those that tf_keras has not, or computes otherwise: its ``hard_sigmoid`` has another slope."""

RENAMED: Mapping[str, Mapping[str, str]] = {"LeakyReLU": {"negative_slope": "alpha"}}
"""What tf_keras calls a setting, where it has another name for it."""


def left_out(kind: str, config: Mapping[str, Any]) -> list[str]:
    """Return the settings of a layer that would be lost: set, and not known here."""
    return [
        name
        for name, value in config.items()
        if name not in LAYERS[kind]
        and name not in IGNORED
        and not name.endswith(IGNORED_ENDINGS)
        and value not in (None, False, _USUAL)
    ]
