"""What heads are made of: the parts that several share."""

from typing import Literal

import msgspec

Apply = Literal["none", "sigmoid", "softmax"]
"""What turns the stored scores into probabilities: nothing, they are; or what the model leaves to its reader."""

Layout = Literal["nhwc", "nchw"]
"""Order of an output's axes, as of a picture's."""

Unit = Literal["pixels", "share"]
"""What places are counted in: pixels of the input, or shares of its width and height."""

LEVELS_MAX = 64
SIDE_MAX = 65_535
_PER_BOX_MAX = 1024


class HeadKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """What all heads are: strict, hashable values, told apart on file by the key ``kind``."""


class Scored(HeadKind, frozen=True, kw_only=True):
    """A head that finds more than is there, until the weak are left out.

    Attributes:
        min_score: Least score, 0 to 1, where the user does not say.
    """

    min_score: float = 0.25

    def __post_init__(self) -> None:
        """Refuse what no score could be compared with."""
        check_share("min_score", self.min_score)


class Repeating(Scored, frozen=True, kw_only=True):
    """A head that finds one thing several times.

    Attributes:
        iou: Of two boxes of one class that overlap by more than this share (intersection over union), the one
            of the lower score is left out.
    """

    iou: float = 0.45

    def __post_init__(self) -> None:
        """Refuse what no overlap could be compared with."""
        super().__post_init__()
        check_share("iou", self.iou)


def check_share(name: str, value: float) -> None:
    """Raise ValueError for what is no share."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} lies in 0..1, not {value}")


def check_per_box(masks: int, keypoints: int) -> None:
    """Raise ValueError for numbers of coefficients or key points that no box has."""
    if not (0 <= masks <= _PER_BOX_MAX and 0 <= keypoints <= _PER_BOX_MAX):
        raise ValueError(f"masks and keypoints lie in 0..{_PER_BOX_MAX}, not {masks} and {keypoints}")


def check_strides(strides: tuple[int, ...]) -> None:
    """Raise ValueError for grids that no picture has."""
    if not 1 <= len(strides) <= LEVELS_MAX or not all(1 <= one <= SIDE_MAX for one in strides):
        raise ValueError(f"strides are 1 to {LEVELS_MAX} positive numbers of pixels, not {strides}")
