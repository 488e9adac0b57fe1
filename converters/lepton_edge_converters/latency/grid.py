"""The time of one operator at any width, from measurements at a few.

Within a step of the engine the time is constant, so that a width counts as the end of its step; between measured
steps it is linear, in both widths.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, lcm

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.latency.operator import MIXING, Operator
from lepton_edge_converters.latency.steps import Steps

_SHARES = (1 / 4, 1 / 2, 3 / 4)


@dataclass(frozen=True, slots=True)
class Range:
    """An operator and the least widths that it may get; those it has are the most."""

    operator: Operator
    least_in: int
    least_out: int


@dataclass(frozen=True, slots=True)
class Axis:
    """Widths to measure at, ascending, and the step between which and the next the time is constant."""

    points: tuple[int, ...]
    step: int

    def place(self, width: int) -> int:
        """Return the width that takes as long as ``width`` does."""
        return min(ceil(width / self.step) * self.step, self.points[-1])


class Grid:
    """Milliseconds of an operator over its two widths.

    Args:
        scope: The operator, and between which widths.
        steps: Of the engine.
    """

    def __init__(self, scope: Range, steps: Steps) -> None:
        self.operator = scope.operator
        groups = self.operator.groups
        inputs, outputs = self.operator.channels_in, self.operator.channels_out
        if self.operator.kind in MIXING:
            self._inputs = axis(scope.least_in, inputs, lcm(steps.inputs, groups))
            self._outputs = axis(scope.least_out, outputs, lcm(steps.outputs, groups))
        else:
            step = steps.depthwise if self.operator.kind == "depthwise_conv2d" else 1
            self._inputs, self._outputs = axis(scope.least_in, inputs, step), Axis((outputs,), 1)
        self._times: NDArray[np.float64] = np.zeros((len(self._inputs.points), len(self._outputs.points)))

    @property
    def operators(self) -> list[Operator]:
        """The operators to measure."""
        return [self._at(one, two) for one in self._inputs.points for two in self._outputs.points]

    def fill(self, times: Mapping[Operator, float]) -> None:
        """Take the measured milliseconds; what noise made fall where a width grows is evened out."""
        measured = np.array([times[one] for one in self.operators]).reshape(self._times.shape)
        for along in (0, 1):
            rising = np.maximum.accumulate(measured, along)
            falling = np.flip(np.minimum.accumulate(np.flip(measured, along), along), along)
            measured = (rising + falling) / 2
        self._times = measured

    def holds(self, operator: Operator) -> bool:
        """Whether ``operator`` is this one with other widths, no wider."""
        mine = self.operator
        fits = operator.channels_in <= mine.channels_in and operator.channels_out <= mine.channels_out
        return fits and operator.with_widths(mine.channels_in, mine.channels_out) == mine

    def milliseconds(self, channels_in: int, channels_out: int) -> float:
        """Return the time at two widths; below the least measured, that of the least."""
        rows, columns = self._inputs, self._outputs
        at_inputs = [float(np.interp(columns.place(channels_out), columns.points, row)) for row in self._times]
        return float(np.interp(rows.place(channels_in), rows.points, at_inputs))

    def _at(self, channels_in: int, channels_out: int) -> Operator:
        mine = self.operator
        if mine.kind not in MIXING:
            channels_out = channels_in * mine.channels_out // mine.channels_in
        return mine.with_widths(channels_in, channels_out)


def axis(least: int, most: int, step: int) -> Axis:
    """Return the widths to measure at: the ends, and some between, at the ends of steps."""
    wanted = [least, *(most * share for share in _SHARES if most * share > least)] if least < most else []
    aligned = (ceil(width / step) * step for width in wanted)
    return Axis(tuple(sorted({most, *(width for width in aligned if width < most)})), step)
