"""One operator of a net as its time sees it: what it computes, on how large a tensor, with how many channels."""

from math import prod
from typing import Annotated, Literal

import msgspec

Kind = Literal[
    "conv2d",
    "depthwise_conv2d",
    "conv2d_transpose",
    "dense",
    "add",
    "multiply",
    "scale",
    "average_pool",
    "max_pool",
    "global_average_pool",
    "hard_swish",
    "sigmoid",
]
Padding = Literal["same", "valid"]
Extent = Annotated[int, msgspec.Meta(ge=1, le=1 << 20)]
Pair = tuple[Extent, Extent]

MIXING = frozenset({"conv2d", "conv2d_transpose", "dense"})
"""Kinds whose output channels read every input channel: the two widths are chosen apart from each other."""

_QUANTIZATION_BYTES = 24  # of a channel: scale and zero point (4 + 8 bytes), for its weights and for its bias
_BIAS_BYTES = 4


class Operator(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An operator, its activation fused into it.

    Attributes:
        kind: What it computes. ``scale`` multiplies a tensor by one number a channel, ``multiply`` by another tensor of
            its size; ``dense`` sees each place of its input by itself.
        height, width: Of its input, in places; a sequence is 1 × its length.
        channels_in, channels_out: Widths; the same number for kinds that do not mix channels, but for a depthwise
            layer with a multiplier.
        kernel, strides, dilation: Height and width.
        padding: At the borders.
        groups: In which a convolution mixes.
    """

    kind: Kind
    channels_in: Extent
    channels_out: Extent
    height: Extent = 1
    width: Extent = 1
    kernel: Pair = (1, 1)
    strides: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: Padding = "same"
    groups: Extent = 1

    def with_widths(self, channels_in: int, channels_out: int) -> "Operator":
        """Return the operator with other numbers of channels."""
        return msgspec.structs.replace(self, channels_in=channels_in, channels_out=channels_out)

    @property
    def size_out(self) -> tuple[int, int]:
        """Height and width of the output."""
        if self.kind == "global_average_pool":
            return (1, 1)
        sizes = zip((self.height, self.width), self.kernel, self.strides, self.dilation, strict=True)
        first, second = (self._length(*one) for one in sizes)
        return first, second

    @property
    def weights(self) -> int:
        """How many weights it has, biases left out."""
        if self.kind in MIXING:
            return prod(self.kernel) * self.channels_in * self.channels_out // self.groups
        return prod(self.kernel) * self.channels_out if self.kind == "depthwise_conv2d" else 0

    @property
    def parameters(self) -> int:
        """How many weights and biases it has."""
        return self.weights + (self.channels_out if self.weights else 0)

    @property
    def macs(self) -> int:
        """How often it multiplies a weight and adds, for one sample."""
        read_at_input = self.kind in ("conv2d_transpose", "dense")
        places = self.height * self.width if read_at_input else prod(self.size_out)
        return self.weights * places

    @property
    def stored_bytes(self) -> int:
        """How many bytes its int8 weights take in a TFLite file, with int32 biases and scales for each channel."""
        return self.weights + ((_BIAS_BYTES + _QUANTIZATION_BYTES) * self.channels_out if self.weights else 0)

    def _length(self, size: int, kernel: int, stride: int, dilation: int) -> int:
        reach = (kernel - 1) * dilation + 1
        if self.kind == "conv2d_transpose":
            return size * stride if self.padding == "same" else (size - 1) * stride + reach
        return -(-size // stride) if self.padding == "same" else -(-(size - reach + 1) // stride)
