"""What became of each layer's weights where they were made sparse."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SparseLayer:
    """A layer with a kernel.

    Attributes:
        layer: Its name; within a nested model with that one's before it.
        kind: Its class in Keras.
        weights: How many its kernels have.
        zeros: Share of them that are zero, 0 to 1.
        values: How many different ones the kernel with the most of them has.
        left: Why its weights were left alone, in part or wholly; empty where all was done that was asked for.
    """

    layer: str
    kind: str
    weights: int
    zeros: float
    values: int
    left: str = ""


@dataclass(frozen=True, slots=True)
class SparseWeights:
    """A model whose weights were made zero, or equal.

    Attributes:
        asked: What was asked for, in words.
        layers: Those that have kernels, in the model's order.
        zeros: Share of all their weights that are zero, 0 to 1.
    """

    asked: str
    layers: tuple[SparseLayer, ...]
    zeros: float
