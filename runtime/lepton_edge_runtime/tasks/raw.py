"""No decoding: every output as real numbers."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from lepton_edge_runtime.card import Card
from lepton_edge_runtime.plan import Placement
from lepton_edge_runtime.results import Origin, Tensors
from lepton_edge_runtime.tasks import Decode, Limits
from lepton_edge_runtime.tensors import dequantize


class Raw:
    """Dequantizes each output and gives it its name."""

    def __init__(self, card: Card) -> None:
        self._specs = [output.tensor for output in card.outputs]

    def __call__(self, outputs: Sequence[NDArray[Any]], placement: Placement | None, origin: Origin) -> Tensors:
        """Return all outputs by name."""
        del placement  # tensors are handed on as they are
        values = {spec.name: dequantize(stored, spec) for spec, stored in zip(self._specs, outputs, strict=True)}
        return Tensors(values, origin)


def make(card: Card, limits: Limits) -> Decode:
    """Return the decoder for a card."""
    del limits  # nothing is ranked
    return Raw(card)
