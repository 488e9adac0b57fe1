"""Heads that tell classes or key points, cell by cell."""

from typing import Literal

from lepton_edge_runtime.heads.parts import HeadKind, Layout, Scored

_SPLITS_MAX = 100


class Semantic(HeadKind, frozen=True, kw_only=True, tag="semantic"):
    """A score a class for each cell, 1 × height × width × classes, or the best class itself, 1 × height × width.

    Attributes:
        layout: Order of the output's axes.
        threshold: Where there is one score, the least of those, once ``apply`` is done, that mean class 1 and not 0.
        apply: Of the one score; which of several is the greatest does not depend on it.
    """

    layout: Layout = "nhwc"
    threshold: float = 0.5
    apply: Literal["none", "sigmoid"] = "none"

    def __post_init__(self) -> None:
        """Refuse what no score could be compared with."""
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold lies between 0 and 1, not {self.threshold}")


class Heatmaps(HeadKind, frozen=True, kw_only=True, tag="heatmaps"):
    """A heat map a key point of one body, 1 × height × width × points: the point is the greatest cell.

    It is moved by a quarter of a cell towards the greater neighbour on each axis, as Newell et al. (ECCV 2016) do.

    Attributes:
        layout: Order of the output's axes.
        apply: Of the scores.
    """

    layout: Layout = "nhwc"
    apply: Literal["none", "sigmoid"] = "none"


class Movenet(Scored, frozen=True, kw_only=True, tag="movenet"):
    """MoveNet's key points: y, x and score, places as shares of the input.

    Of one body 1 × 1 × points × 3; of several 1 × bodies × (3 a point, then top, left, bottom, right and score).
    """


class Simcc(HeadKind, frozen=True, kw_only=True, tag="simcc"):
    """Scores of each column (1 × points × columns), and of each row (1 × points × rows), for the points of one body.

    A point is where both are greatest, its score the lesser of the two (SimCC, Li et al., ECCV 2022; RTMPose, Jiang
    et al., 2023).

    Attributes:
        splits: How many columns, and rows, a pixel of the input has.
    """

    splits: float = 2.0

    def __post_init__(self) -> None:
        """Refuse what no pixel has."""
        if not 0 < self.splits <= _SPLITS_MAX:
            raise ValueError(f"splits lie in 0..{_SPLITS_MAX}, not {self.splits}")
