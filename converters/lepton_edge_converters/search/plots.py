"""The Pareto fronts as plots: how well files answer, over what they cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite, log10

from lepton_edge_converters.report.axis import Axis, Tick, decade_axis, round_axis
from lepton_edge_converters.report.words import kilobytes, milliseconds, number, percent
from lepton_edge_converters.search.found import COSTS, Cost, Point, PointFile, Search, Worth, on_front

SHARES = ("accuracy", "agreement")
"""What is written in percent."""

# A label is placed as if the plot were as narrow as it gets, and the letters as wide.
_NARROW, _HEIGHT, _LETTER, _LINE, _GAP, _DOT = 250, 240, 6.6, 16, 9, 6
_RAISED = 11  # to the right it stands over the front's line
_UNITS = {"latency": "ms", "size": "KB"}


@dataclass(frozen=True, slots=True)
class FrontDot:
    """A file in a plot; places are shares of its width and height, 0 to 1.

    Attributes:
        x, y: Where it stands.
        low, high: Ends of its interval.
        leads: Whether it is on the front.
        refused: Whether the recipe's gates would refuse it.
        says: When pointed at.
        label: Beside it; empty where there is no room.
        side: Where the label stands.
    """

    x: float
    y: float
    low: float
    high: float
    leads: bool
    refused: bool
    says: str
    label: str = ""
    side: str = "right"


@dataclass(frozen=True, slots=True)
class FrontPlot:
    """Files of one engine over one of their costs.

    Attributes:
        title, caption: What it shows, and how to read it.
        dots: Those on the front last, over the others.
        line: The front, as SVG path data in a square of 1000.
        original: Height at which the original model stands; ``None`` where it has none.
        x_ticks, y_ticks: Of the axes; y from the bottom.
        unit: Of the cost.
        y_unit: Of the worth.
        tone: Colour class.
    """

    title: str
    caption: str
    dots: tuple[FrontDot, ...]
    line: str
    original: float | None
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    unit: str
    y_unit: str
    tone: str

    @property
    def widest(self) -> str:
        """The longest text beside the plot."""
        return max((f"{tick.text} {self.y_unit}" for tick in self.y_ticks), key=len, default="")


def front_plot(found: Search, engine: str, cost: Cost) -> FrontPlot | None:
    """Return an engine's files over a cost; ``None`` where there are none."""
    files = [(point, file) for point, file in found.files(engine) if isfinite(file.worth.value)]
    if not files:
        return None
    costs = [_cost(file, cost) for _, file in files]
    x_axis = decade_axis(min(costs), max(costs))
    scale = 100 if found.worth in SHARES else 1
    y_axis = _y_axis([(file.worth, on_front(file, cost)) for _, file in files], found.original, scale)
    outside = sum(scale * file.worth.value < y_axis.low for _, file in files)
    dots = [_dot(point, file, cost, x_axis, y_axis, scale) for point, file in files]
    labels = [point.label for point, _ in files]
    leading = sorted((one for one in dots if one.leads), key=lambda one: (one.x, one.y))
    placed = _labelled(dots, labels)
    return FrontPlot(
        title=f"{found.worth} against {cost}".capitalize(),
        caption=_caption(cost, outside),
        dots=tuple(sorted(placed, key=lambda one: one.leads)),
        line=_stairs(leading),
        original=None if found.original is None else y_axis.at(scale * found.original.value),
        x_ticks=x_axis.ticks,
        y_ticks=y_axis.ticks,
        unit=_UNITS[cost],
        y_unit="%" if scale == 100 else "",
        tone=engine,
    )


def worth_in_words(worth: Worth) -> str:
    """Return how well a file answers, without its interval."""
    if not isfinite(worth.value):
        return "none"
    return percent(worth.value) if worth.name in SHARES else number(worth.value, ".4g")


def interval_in_words(worth: Worth) -> str:
    """Return the interval; empty where there is none."""
    if worth.low == worth.high or not isfinite(worth.value):
        return ""
    if worth.name in SHARES:
        return f"{number(100 * worth.low, '.1f')} to {percent(worth.high)}"
    return f"{number(worth.low, '.4g')} to {number(worth.high, '.4g')}"


def _caption(cost: Cost, outside: int) -> str:
    what = "Median of one call" if cost == "latency" else "Of the model file"
    below = (
        f" {outside} far below what is shown {'stands' if outside == 1 else 'stand'} at the bottom." if outside else ""
    )
    return f"{what}; logarithmic. Up and to the left is better.{below}"


def _cost(file: PointFile, cost: Cost) -> float:
    return COSTS[cost](file) / (1024 if cost == "size" else 1)


def _y_axis(worths: Sequence[tuple[Worth, bool]], original: Worth | None, scale: float) -> Axis:
    """Return an axis for all that is on the front, and for the others as far as they leave it half of the height."""
    leading = [one for one, leads in worths if leads] + ([original] if original else [])
    low, high = min(one.low for one in leading), max(one.high for one in leading)
    others = [one.low for one, leads in worths if not leads and one.low >= low - (high - low)]
    return round_axis(scale * min([low, *others]), scale * high, steps=5)


def _dot(point: Point, file: PointFile, cost: Cost, x_axis: Axis, y_axis: Axis, scale: float) -> FrontDot:
    spent = milliseconds(file.latency.median_ms) if cost == "latency" else kilobytes(file.size_bytes)
    refused = "; the gates would refuse it" if point.refused else ""
    between = interval_in_words(file.worth)
    return FrontDot(
        x=x_axis.at(log10(_cost(file, cost))),
        y=y_axis.at(scale * file.worth.value),
        low=y_axis.at(scale * file.worth.low),
        high=y_axis.at(scale * file.worth.high),
        leads=on_front(file, cost),
        refused=bool(point.refused),
        says=f"{point.label}: {worth_in_words(file.worth)}{f' ({between})' if between else ''}, {spent}{refused}",
    )


def _stairs(leading: Sequence[FrontDot]) -> str:
    """Return the line below which nothing better is to be had: level until the next point, then up to it."""
    places = [(1000 * one.x, 1000 * (1 - one.y)) for one in leading]
    if not places:
        return ""
    (x, y), *others = places
    return f"M{x:.1f} {y:.1f}" + "".join(f"H{x:.1f}V{y:.1f}" for x, y in others) + "H1000"


def _labelled(dots: Sequence[FrontDot], labels: Sequence[str]) -> list[FrontDot]:
    """Return the dots, those on the front with labels, as far as there is room for them."""
    taken = [_box(one.x, one.y, _DOT, _DOT) for one in dots]
    placed = list(dots)
    for i, (one, label) in enumerate(zip(dots, labels, strict=True)):
        if not one.leads:
            continue
        for side, box in _places(one, label):
            if box[0] >= 0 and box[1] <= 1 and box[2] >= 0 and box[3] <= 1 and not any(_meet(box, it) for it in taken):
                placed[i] = replace(one, label=label, side=side)
                taken.append(box)
                break
    return placed


Box = tuple[float, float, float, float]


def _places(one: FrontDot, label: str) -> Iterator[tuple[str, Box]]:
    """Yield where a label may stand, the best place first: the front's line goes down and to the right."""
    width, away = _LETTER * len(label), (_GAP + _LETTER * len(label) / 2) / _NARROW
    over = (_LINE / 2 + 4) / _HEIGHT
    yield "above", _box(one.x, one.high + over, width, _LINE)
    yield "left", _box(one.x - away, one.y, width, _LINE)
    yield "below", _box(one.x, one.low - over, width, _LINE)
    yield "right", _box(one.x + away, one.y + _RAISED / _HEIGHT, width, _LINE)


def _box(x: float, y: float, width: float, height: float) -> Box:
    """Return left, right, bottom and top of what stands around a place; sizes in pixels of the narrow plot."""
    return x - width / 2 / _NARROW, x + width / 2 / _NARROW, y - height / 2 / _HEIGHT, y + height / 2 / _HEIGHT


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]
