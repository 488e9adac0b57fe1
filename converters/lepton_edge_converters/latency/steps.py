"""Alignment steps: how many channels an engine computes at once here; one more, and it computes a whole step more.

A width is *worth its time* if every wider one takes longer. Engines that work in tiles fill the last one whether its
channels are there or not, so that only full tiles are worth theirs.
"""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

import msgspec

from lepton_edge_converters.latency.measure import Target, time_operators
from lepton_edge_converters.latency.operator import Operator

FALLBACK = 8
"""The step where none can be told: right or half of it on the engines we know."""

_CANDIDATES = (2, 4, 6, 8, 12, 16, 24, 32)
_WIDTHS = range(17, 81)
_LONGER = 1.04  # by less, two times are the same one and noise
_SURE, _CLEAR = 0.6, 0.9
_TRIES = 3


class Steps(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Steps of an engine on a machine, in channels.

    Attributes:
        outputs: Of what a convolution makes.
        inputs: Of what it reads.
        depthwise: Of a depthwise convolution.
        notes: What could not be told, one sentence each.
    """

    outputs: int
    inputs: int
    depthwise: int
    notes: tuple[str, ...] = ()

    @property
    def widest(self) -> int:
        """The step that satisfies all: a group of channels is made by one operator and read by others."""
        return max(self.outputs, self.inputs, self.depthwise)


def find_steps(
    target: Target, timed: Callable[[Sequence[Operator], Target], Mapping[Operator, float]] = time_operators
) -> Steps:
    """Return the steps of an engine, by timing typical layers at each of 64 widths; again, where noise hides them."""
    notes: list[str] = []
    found: dict[str, int] = {}
    for axis, layers in _typical().items():
        operators = [{width: layer(width) for width in _WIDTHS} for layer in layers]
        times: dict[Operator, float] = {}
        step, score = FALLBACK, 0.0
        for _ in range(_TRIES):
            for scan in operators:
                for operator, milliseconds in timed(list(scan.values()), target).items():
                    times[operator] = min(milliseconds, times.get(operator, milliseconds))
            step, score = likeliest_step([{width: times[one] for width, one in scan.items()} for scan in operators])
            if score >= _CLEAR:
                break
        if score < _SURE:
            step = FALLBACK
            notes.append(f"no step could be told from the times of {axis} channels, so {FALLBACK} is taken")
        found[axis] = step
    return Steps(**found, notes=tuple(notes))


def likeliest_step(scans: Sequence[Mapping[int, float]]) -> tuple[int, float]:
    """Return the step that times at consecutive widths fit best, and how well: 1 is wholly, 0 not at all.

    Args:
        scans: Milliseconds by width, of one layer each.
    """
    worth = [_worth_their_time(scan) for scan in scans]
    scores = {
        step: fmean(_agreement(widths, scan, step) for widths, scan in zip(worth, scans, strict=True))
        for step in _CANDIDATES
    }
    best = max(scores, key=scores.__getitem__)
    return best, scores[best]


def _worth_their_time(scan: Mapping[int, float]) -> set[int]:
    """Return the widths than which every wider one takes longer; of the widest, nobody knows."""
    worth: set[int] = set()
    least = float("inf")
    for width in sorted(scan, reverse=True):
        if scan[width] * _LONGER < least < float("inf"):
            worth.add(width)
        least = min(least, scan[width])
    return worth


def _agreement(worth: set[int], scan: Mapping[int, float], step: int) -> float:
    """Return how well the widths worth their time are the multiples of ``step``: 1 if they are the same (Dice)."""
    multiples = {width for width in scan if width % step == 0 and width < max(scan)}
    return 2 * len(worth & multiples) / max(1, len(worth) + len(multiples))


def _typical() -> dict[str, tuple[Callable[[int], Operator], ...]]:
    """Return layers by the axis that varies, each a function of the width."""

    def conv(channels_in: int, channels_out: int, kernel: int) -> Operator:
        size = 16 if kernel == 1 else 8
        return Operator(
            kind="conv2d",
            height=size,
            width=size,
            channels_in=channels_in,
            channels_out=channels_out,
            kernel=(kernel, kernel),
        )

    def depthwise(channels: int) -> Operator:
        layer = conv(channels, channels, 3)
        return msgspec.structs.replace(layer, kind="depthwise_conv2d")

    return {
        "outputs": (lambda width: conv(64, width, 1), lambda width: conv(32, width, 3)),
        "inputs": (lambda width: conv(width, 64, 1), lambda width: conv(width, 32, 3)),
        "depthwise": (depthwise,),
    }
