"""How a model answers the held-out samples, put together from batches."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.training.findings import Epoch


@dataclass(frozen=True, slots=True)
class Score:
    """How a model answers a batch.

    Attributes:
        count: Samples.
        loss: Mean over them.
        agreements: Share of decisions that are the teacher's, one an output that decides; empty without a teacher.
        accuracy: Share of decisions that are the label; ``None`` without labels.
    """

    count: int
    loss: float
    agreements: NDArray[np.float64]
    accuracy: float | None


def to_epoch(scores: Sequence[Score], loss: float | None) -> Epoch:
    """Return the means over all samples, beside the ``loss`` of the epoch before them."""
    counts = [one.count for one in scores]
    agreements = np.average([one.agreements for one in scores], axis=0, weights=counts)
    accuracies = [one.accuracy for one in scores if one.accuracy is not None]
    return Epoch(
        loss,
        float(np.average([one.loss for one in scores], weights=counts)),
        float(agreements.min()) if agreements.size else None,
        float(np.average(accuracies, weights=counts)) if accuracies else None,
    )
