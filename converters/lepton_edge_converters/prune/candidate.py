"""Groups of channels that can only go together, and widths made of theirs."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

LEAST_SHARE = 0.1
"""Of a group's channels, left to it by default."""

_STEP_MIN = 4
_CHOICES_MIN = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """Channels of one or several tensors that are kept or dropped together.

    Attributes:
        name: Its own.
        width: How many channels it has.
        importance: Of each channel, 0 or more; comparable between groups.
        minimum: The least it may keep.
        step: Widths are multiples of it, or the width it has.
    """

    name: str
    width: int
    importance: NDArray[np.float64]
    minimum: int = 1
    step: int = 8

    def __post_init__(self) -> None:
        """Refuse importance that is not one number a channel, and steps that are none."""
        if self.importance.shape != (self.width,) or not (self.importance >= 0).all():
            raise ValueError(f"importance of {self.name!r} is {self.width} numbers, 0 or more each")
        if self.step < 1 or not 1 <= self.minimum <= self.width:
            raise ValueError(f"{self.name!r} has {self.width} channels, and cannot keep {self.minimum} by {self.step}")

    def widths(self, least_share: float = LEAST_SHARE) -> tuple[int, ...]:
        """Return the widths it may have, ascending: whole steps, none under its minimum, its share or one step."""
        floor = max(self.minimum, ceil(least_share * self.width - 1e-9), self.step)
        first = ceil(floor / self.step) * self.step
        return (*range(first, self.width, self.step), self.width)

    def kept(self, widths: tuple[int, ...]) -> NDArray[np.float64]:
        """Return the importance kept at each width, if the most important channels are."""
        sums = np.cumsum(np.sort(self.importance)[::-1])
        kept: NDArray[np.float64] = sums[np.array(widths) - 1]
        return kept


@dataclass(frozen=True, slots=True)
class Span:
    """A number of channels that widths of groups add up to: concatenated, flattened, or fixed.

    Attributes:
        constant: Channels that cannot be pruned.
        groups: Names of groups, and how often each counts: of a flattened tensor, once for each place.
    """

    constant: int = 0
    groups: tuple[tuple[str, int], ...] = ()

    def width(self, widths: Mapping[str, int]) -> int:
        """Return the number of channels at these widths of the groups."""
        return self.constant + sum(times * widths[name] for name, times in self.groups)


def aligned_step(width: int, step: int) -> int:
    """Return the step for a group: the engine's, halved while a group as narrow as this one would have no choice.

    A narrow layer's time is that of a whole step either way; its parameters, and the layers that read it, still gain.
    """
    while step > _STEP_MIN and width < _CHOICES_MIN * step:
        step //= 2
    return step
