"""Numbers that say how well outputs other than classes were kept: against the original's, or by a user's own metric.

A metric compares once and can then be asked for its number under any weighing of the samples: that is what the
bootstrap needs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.card import Card

Scoring = Callable[[NDArray[np.float64]], float]
"""The metric's number, higher is better, where each sample counts as often as its weight says; one weight a sample."""

Compare = Callable[[Sequence[NDArray[Any]], Sequence[NDArray[Any]], Card], Scoring]
"""The original's outputs and the converted model's, real numbers, samples first, in the card's order."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, ready to compare.

    Attributes:
        name: One of ours, or ``module:function``.
        compare: Compares one version's outputs with the original's.
        rounds: Of the bootstrap.
        asked: Whether the user asked for it; otherwise it goes with the task.
        own: Whether it is a user's own, in a unit of its own; ours are 1 for outputs equal to the original's.
    """

    name: str
    compare: Compare
    rounds: int = 1000
    asked: bool = True
    own: bool = False
