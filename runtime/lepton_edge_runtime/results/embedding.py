"""One picture as a point, near to those of pictures like it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.drawing import canvas
from lepton_edge_runtime.images import Image
from lepton_edge_runtime.results.origin import Origin


@dataclass(frozen=True, slots=True)
class Embedding:
    """One picture as a point, near to those of pictures like it.

    Attributes:
        vector: ``float32``, d, of length 1.
        origin: Engine, timing and frame.
    """

    vector: NDArray[np.float32]
    origin: Origin

    def similarity(self, other: "Embedding | NDArray[np.float32]") -> float:
        """Return the cosine of the angle between the two: 1 for the same direction, 0 for nothing in common.

        Raises:
            ValueError: The other has another number of numbers.
        """
        vector = other.vector if isinstance(other, Embedding) else other
        if vector.shape != self.vector.shape:
            raise ValueError(f"embeddings of {self.vector.size} and of {vector.size} numbers cannot be compared")
        length = float(np.linalg.norm(vector))
        return float(self.vector @ vector) / length if length else 0.0

    def __len__(self) -> int:
        return len(self.vector)

    def __str__(self) -> str:
        first = " ".join(f"{number:+.3f}" for number in self.vector[:4].tolist())
        return f"{len(self)} numbers: {first} …"

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints: plain lists and numbers."""
        return {"embedding": [round(number, 6) for number in self.vector.tolist()]}

    def draw(self, image: Image) -> Image:
        """Return a copy of ``image`` (BGR): there is nothing to see of an embedding."""
        return canvas(image)
