"""A report as one HTML page that needs nothing else: no script, no other file; light, dark, and on paper."""

from base64 import b64encode
from functools import cache
from typing import Any

from lepton_edge_converters.report import Report, words
from lepton_edge_converters.report.charts import (
    accuracy_chart,
    agreement_chart,
    drop_chart,
    latency_chart,
    score_chart,
    sensitivity_chart,
    size_chart,
)
from lepton_edge_converters.report.measuring import how_measured
from lepton_edge_converters.report.plots import histogram_plots, layer_plot
from lepton_edge_converters.report.remarks import remarks
from lepton_edge_converters.report.tiles import headline_tiles
from lepton_edge_converters.report.versions import version_table
from lepton_edge_runtime.text import printable

_ROOM = "lepton_edge_converters.report"
_WORST_LISTED = 6
_CHARTS = (accuracy_chart, drop_chart, score_chart, agreement_chart, latency_chart, size_chart)


def render_page(report: Report) -> str:
    """Return the whole page.

    Names in it are those of models, files and classes: all are escaped, and what cannot be shown is written as
    escapes.
    """
    layers = report.layers if report.layers is not None and report.layers.layers else None
    page: str = load_template("page.html").render(
        version=report.versions["lepton-edge"],
        report=report,
        words=words,
        versions=version_table(report.rows),
        rungs=[(one, version_table(one.rows)) for one in report.rungs],
        tiles=headline_tiles(report.rows),
        refused=[gate for gate in report.gates if not gate.passed],
        remarks=list(remarks(report)),
        charts=[chart for draw in _CHARTS if (chart := draw(report.rows)) is not None],
        sensitivity=sensitivity_chart(report.sensitivity),
        tried=[(one, version_table(one.rows)) for one in report.tried],
        layers=layers,
        worst=layers.worst(_WORST_LISTED) if layers else (),
        layer_plot=layer_plot(layers) if layers else None,
        histograms=histogram_plots(layers) if layers else (),
        measured=how_measured(report),
    )
    return page


@cache
def load_template(name: str, room: str = _ROOM) -> Any:
    """Return the template of a page, of this room or of another, which may use those of this one."""
    import jinja2  # noqa: PLC0415 - only where a page is written

    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(one, "templates") for one in dict.fromkeys((room, _ROOM))]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: printable(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = _data_uri
    environment.filters["is_small"] = _is_png
    return environment.get_template(name)


def _data_uri(picture: bytes) -> str:
    """Return a PNG or JPEG as an address that holds the picture itself."""
    kind = "png" if _is_png(picture) else "jpeg"
    return f"data:image/{kind};base64,{b64encode(picture).decode()}"


def _is_png(picture: bytes) -> bool:
    return picture.startswith(b"\x89PNG")
