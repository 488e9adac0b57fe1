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


class Rows(Scored, frozen=True, kw_only=True):
    """A head with a row of numbers a box, which coefficients of masks or key points end.

    Attributes:
        unit: What boxes and key points are counted in.
        masks: How many coefficients of mask prototypes end a row; the prototypes are the other output.
        keypoints: How many key points end it: x, y, and a score where they have three numbers each.
        keypoint_numbers: How many numbers a key point has.
    """

    unit: Unit = "pixels"
    masks: int = 0
    keypoints: int = 0
    keypoint_numbers: Literal[2, 3] = 3

    def __post_init__(self) -> None:
        """Refuse numbers of coefficients or key points that no row has."""
        super().__post_init__()
        if not (0 <= self.masks <= _PER_BOX_MAX and 0 <= self.keypoints <= _PER_BOX_MAX):
            raise ValueError(f"masks and keypoints lie in 0..{_PER_BOX_MAX}, not {self.masks} and {self.keypoints}")

    @property
    def extra(self) -> int:
        """How many numbers follow the scores of a box."""
        return self.masks + self.keypoints * self.keypoint_numbers


def check_share(name: str, value: float) -> None:
    """Raise ValueError for what is no share."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} lies in 0..1, not {value}")


def check_strides(strides: tuple[int, ...]) -> None:
    """Raise ValueError for grids that no picture has."""
    if not 1 <= len(strides) <= LEVELS_MAX or not all(1 <= one <= SIDE_MAX for one in strides):
        raise ValueError(f"strides are 1 to {LEVELS_MAX} positive numbers of pixels, not {strides}")
