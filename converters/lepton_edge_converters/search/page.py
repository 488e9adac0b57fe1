"""A search as one HTML page that needs nothing else: no script, no other file; light, dark, and on paper."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lepton_edge_converters.report import words
from lepton_edge_converters.report.page import load_template
from lepton_edge_converters.report.tiles import Tile
from lepton_edge_converters.search.found import COSTS, Point, PointFile, Search
from lepton_edge_converters.search.plots import FrontPlot, front_plot, interval_in_words, worth_in_words
from lepton_edge_runtime.backends import BACKENDS

_ROOM = "lepton_edge_converters.search"
_FORMATS = {"tflite": "TFLite", "onnx": "ONNX"}
_BOUNDS = {"speedup": "times as fast in 8 bits", "macs": "of the multiplications", "params": "of the parameters"}


@dataclass(frozen=True, slots=True)
class Line:
    """A file in the table, each cell in words.

    Attributes:
        label: Of its point.
        left: What pruning left of what the budget is about, where that is no time.
        speedup: How many times as fast as with all channels.
        worth, interval, latency, size: As they are.
        leads: Which fronts it is on.
        refused: Why the gates would refuse it.
    """

    label: str
    left: str
    speedup: str
    worth: str
    interval: str
    latency: str
    size: str
    leads: str
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EngineSection:
    """All of one engine: its plots, and its files in a table, the quickest first."""

    name: str
    plots: tuple[FrontPlot, ...]
    lines: tuple[Line, ...]


def render_search(found: Search) -> str:
    """Return the whole page; names of models and files are escaped."""
    page: str = load_template("search.html", _ROOM).render(
        version=found.versions["lepton-edge"],
        found=found,
        words=words,
        tiles=tuple(_tiles(found)),
        sections=[_section(found, engine) for engine in found.engines],
        missing=[point for point in found.points if point.problem],
        refused=[point for point in found.points if point.refused and not point.problem],
        schemes=list(dict.fromkeys(point.scheme for point in found.points)),
        budgets=list(dict.fromkeys(asked_in_words(point) for point in found.points)),
        calls=max((file.latency.runs for point in found.points for file in point.files), default=0),
    )
    return page


def asked_in_words(point: Point) -> str:
    """Return what a point's budget was."""
    if not point.bound:
        return "all channels"
    value = f"{point.value:g}" if point.bound == "speedup" else words.percent(point.value, 0)
    return f"{value} {_BOUNDS[point.bound]}"


def _section(found: Search, engine: str) -> EngineSection:
    name = f"{_FORMATS[engine]} on {BACKENDS[engine].distribution}"
    plots = [plot for cost in COSTS if (plot := front_plot(found, engine, cost)) is not None]
    files = sorted(found.files(engine), key=lambda one: one[1].latency.median_ms)
    return EngineSection(name, tuple(plots), tuple(_line(*one) for one in files))


def _line(point: Point, file: PointFile) -> Line:
    ratio = file.speedup
    fronts = (("latency", file.on_latency_front), ("size", file.on_size_front))
    return Line(
        label=point.label,
        left=words.percent(1 / point.estimated) if point.estimated and point.bound != "speedup" else "",
        speedup=f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})" if ratio else "",
        worth=worth_in_words(file.worth),
        interval=interval_in_words(file.worth),
        latency=words.milliseconds(file.latency.median_ms),
        size=words.kilobytes(file.size_bytes),
        leads=", ".join(name for name, leads in fronts if leads),
        refused=point.refused,
    )


def _tiles(found: Search) -> Iterator[Tile]:
    """Yield the best of the first engine that the gates let pass: of answers, time and size."""
    engine = next(iter(found.engines), "")
    fit = [(point, file) for point, file in found.files(engine) if not point.refused]
    if fit:
        yield from _best(fit)
    made = sum(not point.problem for point in found.points)
    refused = sum(bool(point.refused) and not point.problem for point in found.points)
    yield Tile("Points", f"{made} of {len(found.points)}", f"could be made; the gates would refuse {refused or 'none'}")


def _best(fit: Sequence[tuple[Point, PointFile]]) -> Iterator[Tile]:
    point, file = max(fit, key=lambda one: (one[1].worth.value, -one[1].latency.median_ms))
    yield Tile(f"Best {file.worth.name}", worth_in_words(file.worth), point.label)
    point, file = min(fit, key=lambda one: one[1].latency.median_ms)
    yield Tile("Fastest", words.milliseconds(file.latency.median_ms), f"{point.label}, {worth_in_words(file.worth)}")
    point, file = min(fit, key=lambda one: one[1].size_bytes)
    yield Tile("Smallest", words.kilobytes(file.size_bytes), f"{point.label}, {worth_in_words(file.worth)}")
