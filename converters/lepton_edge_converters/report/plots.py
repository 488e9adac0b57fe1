"""Plots of the layers: how the error grows through the model, and how the worst layers' numbers are spread."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite, log10

from lepton_edge_converters.report.axis import Axis, Tick, round_axis, tight_axis
from lepton_edge_converters.report.layers import Histogram, LayerError, LayerErrors
from lepton_edge_converters.report.words import decibels, number, small_percent

_WORST = 6
_MARGIN = 0.04  # share of a histogram's width that stays free on both sides


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of a plot, places as shares of the plot's width and height, and what it says when pointed at."""

    x: float
    y: float
    says: str


@dataclass(frozen=True, slots=True)
class LayerPlot:
    """SQNR over the operators in the order of computation.

    Attributes:
        line: The converted file's, as SVG path data in a square of 1000.
        alone: The same for each layer's numbers merely stored in 8 bits; empty if they are not.
        dots: All layers.
        worst: Those that add most noise.
        x_ticks, y_ticks: Of the axes; y from the bottom.
    """

    line: str
    alone: str
    dots: tuple[Dot, ...]
    worst: tuple[Dot, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]

    @property
    def widest(self) -> str:
        """The longest text beside the plot."""
        return _widest(self.y_ticks)


@dataclass(frozen=True, slots=True)
class HistogramPlot:
    """One layer's float numbers, on a logarithmic scale of counts.

    Attributes:
        title: The layer.
        bars: As SVG path data in a square of 1000: those whose middle the converted tensor can hold.
        outside: The others.
        range_start, range_end: Of what the converted tensor can hold, as shares of the width.
        x_ticks, y_ticks: Of the axes; y from the bottom.
        caption: What it shows, in words.
    """

    title: str
    bars: str
    outside: str
    range_start: float
    range_end: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    caption: str

    @property
    def widest(self) -> str:
        """The longest text beside the plot."""
        return _widest(self.y_ticks)


def layer_plot(errors: LayerErrors) -> LayerPlot | None:
    """Return how the error grows from layer to layer; ``None`` for fewer than two layers."""
    layers = errors.layers
    finite = [db for one in layers for db in (one.sqnr_db, one.storage_db) if db is not None and isfinite(db)]
    if len(layers) < 2 or not finite:
        return None
    y_axis = round_axis(min(0.0, *finite), max(finite))
    x_axis = tight_axis(1, len(layers), steps=5)
    alone = [(one.position, one.storage_db) for one in layers if one.storage_db is not None]
    dots = {one.position: _dot(one, x_axis, y_axis) for one in layers}
    return LayerPlot(
        line=_line([(one.position, one.sqnr_db) for one in layers], x_axis, y_axis),
        alone=_line(alone, x_axis, y_axis),
        dots=tuple(dots.values()),
        worst=tuple(dots[one.position] for one in errors.worst(_WORST) if one.added_noise),
        x_ticks=tuple(tick for tick in x_axis.ticks if "." not in tick.text),
        y_ticks=y_axis.ticks,
    )


def histogram_plots(errors: LayerErrors) -> tuple[HistogramPlot, ...]:
    """Return the histograms of the layers that add most noise, most first."""
    return tuple(
        _histogram_plot(one, one.histogram, (one.range_low, one.range_high))
        for one in errors.worst(len(errors.layers))
        if one.histogram is not None and one.range_low is not None and one.range_high is not None
    )


def _widest(ticks: Sequence[Tick]) -> str:
    return max((tick.text for tick in ticks), key=len, default="")


def _dot(one: LayerError, x_axis: Axis, y_axis: Axis) -> Dot:
    says = f"{one.position}. {one.layer} ({one.kind}): {decibels(one.sqnr_db)}"
    return Dot(x_axis.at(one.position), y_axis.at(one.sqnr_db), says)


def _line(points: Sequence[tuple[int, float]], x_axis: Axis, y_axis: Axis) -> str:
    places = [f"{1000 * x_axis.at(x):.1f} {1000 * (1 - y_axis.at(y)):.1f}" for x, y in points]
    return f"M{' L'.join(places)}" if places else ""


def _histogram_plot(one: LayerError, histogram: Histogram, held: tuple[float, float]) -> HistogramPlot:
    range_low, range_high = held
    low, high = min(histogram.low, range_low), max(histogram.high, range_high)
    margin = _MARGIN * (high - low)
    x_axis = tight_axis(low - margin, high + margin)
    top = log10(1 + max(histogram.counts))
    return HistogramPlot(
        title=one.layer,
        bars=_bars(histogram, x_axis, top, lambda middle: range_low <= middle <= range_high),
        outside=_bars(histogram, x_axis, top, lambda middle: not range_low <= middle <= range_high),
        range_start=x_axis.at(range_low),
        range_end=x_axis.at(range_high),
        x_ticks=x_axis.ticks,
        y_ticks=tuple(_decades(top)),
        caption=_caption(one, held),
    )


def _bars(histogram: Histogram, x_axis: Axis, top: float, drawn: Callable[[float], bool]) -> str:
    width = (histogram.high - histogram.low) / len(histogram.counts)
    parts = []
    for i, count in enumerate(histogram.counts):
        if count and drawn(histogram.low + (i + 0.5) * width):
            left, right = (1000 * x_axis.at(histogram.low + (i + k) * width) for k in (0, 1))
            parts.append(f"M{left:.1f} 1000V{1000 * (1 - log10(1 + count) / top):.1f}H{right:.1f}V1000Z")
    return "".join(parts)


def _decades(top: float) -> list[Tick]:
    """Return ticks at 1, a thousand, a million …, or at tens where there are few numbers."""
    step = 3 if top > 3 else 1
    names = {0: "1", 1: "10", 2: "100", 3: "1k", 6: "1M", 9: "1G"}
    return [
        Tick(log10(1 + 10**power) / top, names[power])
        for power in range(0, 10, step)
        if log10(1 + 10**power) <= top and power in names
    ]


def _caption(one: LayerError, held: tuple[float, float]) -> str:
    used = (min(one.high, held[1]) - max(one.low, held[0])) / (held[1] - held[0])
    outside = f", {small_percent(one.clipped)} of them outside" if one.clipped else ""
    return (
        f"numbers {number(one.low)} to {number(one.high)}; 8 bits hold {number(held[0])} to {number(held[1])}, "
        f"{small_percent(max(0.0, used))} of it used{outside}"
    )
