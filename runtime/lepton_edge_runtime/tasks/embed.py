"""Embedding: one picture as a point of length 1."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.card import Card
from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.plan import Placement
from lepton_edge_runtime.results import Embedding, Origin
from lepton_edge_runtime.tasks import Decode, Limits
from lepton_edge_runtime.tensors import dequantize


class Embed:
    """Decodes one output of any shape; its numbers are one vector."""

    def __init__(self, card: Card) -> None:
        if len(card.outputs) != 1:
            raise BundleError(f"the task 'embed' has one output, and this model has {len(card.outputs)}")
        self._spec = card.outputs[0].tensor
        if prod(self._spec.shape) < 2:
            raise BundleError(f"the task 'embed' has two numbers or more, and this model's output is {self._spec}")

    def __call__(self, outputs: Sequence[NDArray[Any]], placement: Placement | None, origin: Origin) -> Embedding:
        """Return the vector, of length 1; of zeros where all numbers are 0."""
        del placement  # an embedding has no place
        vector = np.asarray(dequantize(outputs[0], self._spec), np.float32).reshape(-1)
        length = float(np.linalg.norm(vector))
        return Embedding(vector / np.float32(length) if length else vector.copy(), origin)


def make(card: Card, limits: Limits) -> Decode:
    """Return the decoder for a card."""
    del limits  # nothing is left out
    return Embed(card)
