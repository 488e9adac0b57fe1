"""Charts with a bar or an interval for each version of the model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

from lepton_edge_converters.report import LayerSensitivity, Row
from lepton_edge_converters.report.axis import Axis, Tick, round_axis
from lepton_edge_converters.report.numbers import Share
from lepton_edge_converters.report.words import (
    decibels,
    engine,
    interval,
    kilobytes,
    metric,
    milliseconds,
    number,
    percent,
)

_LAYERS_SHOWN = 20

NO_FASTER = "no difference"
"""Of two times that noise cannot tell apart."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of a chart; places are shares of the axis, 0 to 1.

    Attributes:
        label: What it is about.
        text: Its number, with a unit.
        tone: Colour class.
        start, end: Of the bar; alike where there is only a mark.
        mark: Where the measured value stands, in an interval.
        whisker: Where a thinner line ends that goes on from the bar.
        note: Smaller, beneath the number.
    """

    label: str
    text: str
    tone: str
    start: float
    end: float
    mark: float | None = None
    whisker: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class BarChart:
    """Lines over one axis.

    Attributes:
        title: What is shown.
        caption: How to read it.
        unit: Of the axis.
        bars: From top to bottom.
        ticks: On the axis.
        zero: Where zero stands on it, if a line is to be drawn there.
    """

    title: str
    caption: str
    unit: str
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    zero: float | None = None


def latency_chart(rows: Sequence[Row]) -> BarChart | None:
    """Return the median latency of each file, with a whisker to the 90th percentile."""
    timed = [(row, row.latency) for row in rows if row.latency is not None]
    if not timed:
        return None
    axis = round_axis(0, max(latency.p90_ms for _, latency in timed))
    bars = tuple(
        Bar(
            row.title,
            milliseconds(latency.median_ms),
            engine(row),
            0.0,
            axis.at(latency.median_ms),
            whisker=axis.at(latency.p90_ms),
            note=speed(row),
        )
        for row, latency in timed
    )
    caption = "Median of one call; the thin line ends at the 90th percentile. Less is better."
    return BarChart("Latency", caption, "ms", bars, axis.ticks)


def size_chart(rows: Sequence[Row]) -> BarChart | None:
    """Return the size of each file."""
    sized = [(row, row.size_bytes) for row in rows if row.size_bytes is not None]
    if not sized:
        return None
    axis = round_axis(0, max(size for _, size in sized) / 1024)
    bars = tuple(
        Bar(
            row.title,
            kilobytes(size),
            engine(row),
            0.0,
            axis.at(size / 1024),
            note=_against_float(row, rows, lambda one: one.size_bytes, "smaller", "larger"),
        )
        for row, size in sized
    )
    return BarChart("Size", "Of the model file, 1 KB = 1,024 bytes. Less is better.", "KB", bars, axis.ticks)


def accuracy_chart(rows: Sequence[Row]) -> BarChart | None:
    """Return the accuracy of each version that was judged, with its interval."""
    judged = [(row, row.accuracy) for row in rows if row.accuracy is not None]
    what = "Share of {:,} held-out samples answered right, with its 95 % interval."
    return _share_chart("Accuracy", what, judged) if judged else None


def score_chart(rows: Sequence[Row]) -> BarChart | None:
    """Return what a metric says of each version, with its interval."""
    judged = [(row, row.score) for row in rows if row.score is not None and isfinite(row.score.low + row.score.high)]
    if not judged:
        return None
    axis = round_axis(min(score.low for _, score in judged), max(score.high for _, score in judged))
    bars = tuple(_interval_bar(row, axis, (score.low, score.value, score.high), ".4g") for row, score in judged)
    caption = f"On {judged[0][1].samples:,} held-out samples, with its 95 % interval. More is better."
    return BarChart(metric(judged[0][1].metric), caption, "", bars, axis.ticks)


def sensitivity_chart(layers: Sequence[LayerSensitivity]) -> BarChart | None:
    """Return the layers that hurt the outputs most when they alone are in 8 bits; flagged ones in red."""
    hurting = sorted((one for one in layers if isfinite(one.sqnr_db)), key=lambda one: one.sqnr_db)[:_LAYERS_SHOWN]
    if not hurting:
        return None
    axis = round_axis(min(0.0, hurting[0].sqnr_db), hurting[-1].sqnr_db)
    bars = tuple(
        Bar(
            one.layer,
            decibels(one.sqnr_db),
            "flagged" if one.flagged else "original",
            axis.at(0),
            axis.at(one.sqnr_db),
            note=one.kind,
        )
        for one in hurting
    )
    caption = "SQNR of the worst output with this layer alone in 8 bits. Less is worse; flagged layers are red."
    return BarChart("The most sensitive layers", caption, "dB", bars, axis.ticks)


def drop_chart(rows: Sequence[Row]) -> BarChart | None:
    """Return the points of accuracy that each file lost, with the interval of paired samples."""
    judged = [(row, row.drop) for row in rows if row.drop is not None]
    if not judged:
        return None
    axis = round_axis(min(0.0, *(drop.low for _, drop in judged)), max(0.0, *(drop.high for _, drop in judged)))
    bars = tuple(_interval_bar(row, axis, (drop.low, drop.points, drop.high), "+.2f") for row, drop in judged)
    caption = (
        "Points of accuracy lost against the original on the same samples, with a 95 % interval. Right of 0 is worse."
    )
    return BarChart("Accuracy lost", caption, "points", bars, axis.ticks, zero=axis.at(0))


def agreement_chart(rows: Sequence[Row]) -> BarChart | None:
    """Return the share of samples that each file decides as the original does; ``None`` beside accuracies."""
    if any(row.accuracy for row in rows):
        return None
    judged = [(row, row.agreement) for row in rows if row.agreement is not None]
    what = "Share of {:,} samples decided as the original decides, right or wrong, with its 95 % interval."
    return _share_chart("Agreement", what, judged) if judged else None


def _share_chart(title: str, caption: str, judged: Sequence[tuple[Row, Share]]) -> BarChart:
    low, high = min(share.low for _, share in judged), max(share.high for _, share in judged)
    axis = round_axis(100 * low, 100 * high)
    bars = tuple(
        Bar(
            row.title,
            percent(share.value),
            engine(row),
            axis.at(100 * share.low),
            axis.at(100 * share.high),
            mark=axis.at(100 * share.value),
            note=interval(share),
        )
        for row, share in judged
    )
    return BarChart(title, caption.format(judged[0][1].samples), "%", bars, axis.ticks)


def _interval_bar(row: Row, axis: Axis, numbers: tuple[float, float, float], pattern: str) -> Bar:
    """Return a row's low end, value and high end, each written by a pattern."""
    low, value, high = numbers
    return Bar(
        row.title,
        number(value, pattern),
        engine(row),
        axis.at(low),
        axis.at(high),
        mark=axis.at(value),
        note=f"{number(low, pattern)} to {number(high, pattern)}",
    )


def _against_float(row: Row, rows: Sequence[Row], measure: Callable[[Row], float | None], less: str, more: str) -> str:
    """Return how a file that ships compares with the float one of the same engine; empty if there is none."""
    other = float_row(row, rows)
    mine, theirs = measure(row), measure(other) if other else None
    return "" if mine is None or theirs is None else compared(mine, theirs, less, more)


def speed(row: Row) -> str:
    """Return how a file's time compares with the float one's of the same engine; empty where nobody compared."""
    ratio = row.times_float
    if ratio is None:
        return ""
    if not ratio.slower and not ratio.faster:
        return NO_FASTER
    return f"{max(ratio.value, 1 / ratio.value):.1f} × {'slower' if ratio.slower else 'faster'}"


def float_row(row: Row, rows: Sequence[Row]) -> Row | None:
    """Return the float file, not shipped, that a shipped one is compared with; ``None`` if there is none."""
    backend = row.title.partition(" ")[0]
    if not row.shipped:
        return None
    return next((one for one in rows if not one.shipped and one.title == f"{backend} float32"), None)


def compared(mine: float, theirs: float, less: str, more: str) -> str:
    """Return how many times less or more one number is than another, such as ``2.2 × faster``."""
    ratio = theirs / mine
    if 1 / 1.05 < ratio < 1.05:
        return "about the same"
    return f"{max(ratio, 1 / ratio):.1f} × {less if ratio > 1 else more}"
