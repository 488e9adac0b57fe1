"""Axes: which numbers are written beside a chart, and where."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, log10

_LONG = 1e6  # from here on, or with more decimals than these, a number is written with an exponent
_DECIMALS_MAX = 5
_MARKS = (1, 2, 5)  # of each power of ten
_MARKS_MAX = 7
_ROUND = 1e-9  # what a sum of steps may miss a round number by


@dataclass(frozen=True, slots=True)
class Tick:
    """A number on an axis, and where it stands: 0 at the axis's begin, 1 at its end."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear axis: the numbers at its begin and its end, and the round ones on it."""

    low: float
    high: float
    ticks: tuple[Tick, ...]

    def at(self, value: float) -> float:
        """Return where a number stands, 0 to 1; outside ones at the nearer end."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


def round_axis(low: float, high: float, *, steps: int = 3) -> Axis:
    """Return an axis from a round number at or below ``low`` to one at or above ``high``, with a tick at each step.

    Args:
        low: Least number to show.
        high: Largest number to show.
        steps: About how many steps.
    """
    step, digits = _round_step((high - low) or abs(high) or 1.0, steps)
    begin, end = floor(low / step + _ROUND), ceil(high / step - _ROUND)
    return _axis(begin * step, max(end, begin + 1) * step, step, digits)


def tight_axis(low: float, high: float, *, steps: int = 4) -> Axis:
    """Return an axis that ends where the numbers end, with ticks at the round numbers between."""
    return _axis(low, high, *_round_step(high - low, steps))


def decade_axis(low: float, high: float) -> Axis:
    """Return a logarithmic axis from a round number at or below ``low`` to one at or above ``high``, both over 0.

    Its own numbers are powers of ten: what stands at 100 is found by ``at(2)``. Ticks are at 1, 2 and 5 of each power,
    or at some of the powers alone where those are many.
    """
    begin, end = _mark(log10(low), floor), _mark(log10(high), ceil)
    end = max(end, begin + 1)
    apart = 1 if end - begin <= _MARKS_MAX else 3 * ceil((end - begin) / 3 / _MARKS_MAX)
    marks = [k for k in range(begin, end + 1) if k % apart == 0]
    first, last = _at_mark(begin), _at_mark(end)
    places = [(_at_mark(k) - first) / (last - first) for k in marks]
    texts = [_text(10.0 ** (k // 3) * _MARKS[k % 3], max(0, -(k // 3))) for k in marks]
    return Axis(first, last, tuple(map(Tick, places, texts)))


def _mark(power: float, to_whole: Callable[[float], int]) -> int:
    """Return the number of the 1, 2 or 5 next to a power of ten, counted from 1 on; ``to_whole`` says which way."""
    decade = floor(power + _ROUND)
    rest = power - decade
    within = [log10(one) for one in _MARKS] + [1.0]
    if to_whole is floor:
        return 3 * decade + max(i for i, one in enumerate(within) if one <= rest + _ROUND or i == 0)
    return 3 * decade + min(i for i, one in enumerate(within) if one >= rest - _ROUND)


def _at_mark(number: int) -> float:
    return number // 3 + log10(_MARKS[number % 3])


def _axis(low: float, high: float, step: float, digits: int) -> Axis:
    on_it = range(ceil(low / step - _ROUND), floor(high / step + _ROUND) + 1)
    return Axis(low, high, tuple(Tick((i * step - low) / (high - low), _text(i * step, digits)) for i in on_it))


def _text(value: float, digits: int) -> str:
    text = f"{value:,.{digits}f}" if abs(value) < _LONG and digits <= _DECIMALS_MAX else f"{value:.3g}"
    return text.replace("-", "\N{MINUS SIGN}") if value else "0"


def _round_step(span: float, steps: int) -> tuple[float, int]:
    """Return the step of 1, 2, 2.5 or 5 times a power of ten that gives at most ``steps``, and its decimals."""
    rough = span / steps
    power = floor(log10(rough))
    for factor, more in ((1, 0), (2, 0), (2.5, 1), (5, 0)):
        if factor * 10.0**power >= rough * (1 - _ROUND):
            return factor * 10.0**power, max(0, more - power)
    return 10.0 ** (power + 1), max(0, -power - 1)
