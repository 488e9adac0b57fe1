"""What a head finds, and what finds it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.errors import BundleError


@dataclass(frozen=True, slots=True)
class Boxes:
    """What a head finds.

    Attributes:
        xyxy: ``float32``, n × 4: left, top, right, bottom in pixels of the model's input.
        score: ``float32``, n.
        class_id: ``int64``, n.
        extra: ``float32``, n × what follows a box in its head, as it is told there: coefficients of masks, key points;
            ``None`` where nothing does.
    """

    xyxy: NDArray[np.float32]
    score: NDArray[np.float32]
    class_id: NDArray[np.int64]
    extra: NDArray[np.float32] | None = None

    def __getitem__(self, chosen: NDArray[Any] | slice) -> "Boxes":
        """Return some of them, by indices or a slice."""
        extra = None if self.extra is None else self.extra[chosen]
        return Boxes(self.xyxy[chosen], self.score[chosen], self.class_id[chosen], extra)


def check_labels(labels: Sequence[str], classes: int) -> None:
    """Raise BundleError for labels of another model: each class has one, or none has."""
    if labels and len(labels) != classes:
        raise BundleError(f"there are {len(labels)} labels for {classes} classes")


Find = Callable[[Sequence[NDArray[Any]]], Boxes]
"""Outputs, as stored and in the card's order, to the boxes of enough score; the repeated are among them."""
