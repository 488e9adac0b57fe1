"""How far each layer of a converted file is from the float one, in numbers."""

from dataclasses import dataclass, field

UNBOUNDED = {"unbounded": True}
"""Metadata of numbers that may be infinite or no number, which JSON writes as ``null``."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """How a layer's float numbers are spread: counts in bins of equal width.

    Attributes:
        low: Lower edge of the first bin.
        high: Upper edge of the last bin.
        counts: Numbers in each bin.
    """

    low: float
    high: float
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LayerError:
    """One operator's output in the float file, and the tensor of the same name in the converted one.

    Attributes:
        position: In the order in which the float file computes, from 1.
        layer: Its name, as ``float_layers`` takes it where the file is int8.
        tensor: Its name in the float file.
        kind: The float file's operator, such as ``CONV_2D``.
        sqnr_db: Power of the float numbers over that of their difference from the converted file's, in decibels: the
            error of all layers up to here; infinite (in JSON ``null``) where they are equal.
        added_noise: Power of the error over that of the float numbers, less the same of the worst of its inputs, not
            below 0: the error that came in with this layer.
        storage_db: SQNR if the float numbers were merely stored in the converted tensor's scale: what its range alone
            costs; ``None`` if it stores real numbers.
        clipped: Share of the float numbers more than a step outside of what the converted tensor can hold, 0 to 1.
        low: Least float number seen.
        high: Largest float number seen.
        range_low: Least number that the converted tensor can hold; ``None`` if it stores real numbers.
        range_high: Largest one.
        histogram: Of the float numbers; for the layers that add most noise, where the converted tensor has a range.
    """

    position: int
    layer: str
    tensor: str
    kind: str
    sqnr_db: float = field(metadata=UNBOUNDED)
    added_noise: float = field(metadata=UNBOUNDED)
    storage_db: float | None
    clipped: float
    low: float = field(metadata=UNBOUNDED)
    high: float = field(metadata=UNBOUNDED)
    range_low: float | None
    range_high: float | None
    histogram: Histogram | None = None


@dataclass(frozen=True, slots=True)
class LayerErrors:
    """Each layer of a converted TFLite file beside the same layer of the float one.

    Attributes:
        artefact: Title of the converted file.
        reference: Title of the float file.
        samples: How many of the judged samples both were run on.
        unmatched: Operators of the float file whose output has no tensor of that name in the converted one.
        layers: In the order in which the float file computes.
        note: Why there are none, or fewer than there might be; empty if nothing is to be said.
    """

    artefact: str
    reference: str
    samples: int
    unmatched: int
    layers: tuple[LayerError, ...]
    note: str = ""

    @property
    def ranged(self) -> bool:
        """Whether any of the converted tensors stores integers, and so has a range."""
        return any(one.range_low is not None for one in self.layers)

    def worst(self, count: int) -> tuple[LayerError, ...]:
        """Return the layers that add most noise, most first."""
        return tuple(sorted(self.layers, key=lambda one: (-one.added_noise, one.position))[:count])
