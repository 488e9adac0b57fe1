"""The report's page: what it says, that it needs nothing else, and that it can be read wherever it is opened."""

import re
from dataclasses import replace

import browser
import made_reports
import pytest

from lepton_edge_converters.report import GateResult
from lepton_edge_converters.report.charts import latency_chart
from lepton_edge_converters.report.numbers import Ratio
from lepton_edge_converters.report.page import render_page
from lepton_edge_converters.report.tiles import headline_tiles

MADE = {
    "ordinary": made_reports.report,
    "refused": made_reports.refused,
    "repaired": made_reports.repaired,
    "bare": made_reports.bare,
    "hard": made_reports.hard,
}
WIDTHS = (1280, 1024, 768, 390)
SHEET = 660  # of a browser's pixels: A4 without its margins


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("kind", MADE)
def test_everything_fits_and_can_be_read(chromium, kind, dark, tmp_path):
    """At a desk, on a tablet and on a phone nothing is wider than the window, no texts overlap, none is too faint."""
    for found in browser.measure(chromium, render_page(MADE[kind]()), tmp_path, widths=WIDTHS, dark=dark):
        assert found.dark is dark
        assert found.texts > 50
        assert (found.wider, found.squeezed, found.overlapping, found.faint) == ([], [], [], [])


@pytest.mark.parametrize("kind", MADE)
def test_it_fits_a_sheet_of_paper(chromium, kind, tmp_path):
    page = browser.on_paper(render_page(MADE[kind]()))
    (found,) = browser.measure(chromium, page, tmp_path, widths=(SHEET,), dark=True)
    assert not found.dark
    assert (found.wider, found.squeezed, found.overlapping, found.faint) == ([], [], [], [])


def test_a_page_that_is_broken_is_found_out(chromium, tmp_path):
    """The measuring itself: without it the test above would pass for any page."""
    page = render_page(made_reports.report(model="squeezed"))
    spoiled = (
        ".ticks span { left: 10% !important; } main { min-width: 50rem; } .caption { color: #bbb !important; }"
        "h1 { width: 1rem; } </style>"
    )
    (found,) = browser.measure(chromium, page.replace("</style>", spoiled), tmp_path, widths=(390,))
    assert found.wider
    assert found.overlapping
    assert found.squeezed == ["squeezed"]
    assert any("Median of one call" in one for one in found.faint)


@pytest.mark.parametrize("kind", MADE)
def test_it_needs_no_script_and_no_other_file(kind):
    page = render_page(MADE[kind]())
    assert "<script" not in page
    assert re.findall(r"<(?:link|iframe|object|embed|base)\b", page) == []
    assert re.findall(r"\b(?:src|href)=\"(?!data:image/(?:png|jpeg);base64,)", page) == []
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page  # and the browser holds it to that


def test_what_files_and_models_are_called_is_text_and_no_markup():
    page = render_page(made_reports.hard())
    assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;&amp;amp;" in page


def test_what_cannot_be_shown_is_written_as_an_escape():
    report = replace(made_reports.report(), model="net\x1b[31m\u202ered")
    page = render_page(report)
    assert "net\\x1b[31m\\u202ered" in page
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_a_refused_model_says_first_which_gates_refused_it():
    page = render_page(made_reports.refused())
    begin = page.index("<main>")
    told = page.index("1 of 2 gates refused it; nothing was written to net.lepton")
    assert begin < told < page.index("Side by side")
    assert "drop +9.33 [+4.1, +14.6] points (at most 1)" in page[told : page.index("Side by side")]
    assert "net.refused.report.json" in page


def test_a_repair_that_failed_does_not_say_that_every_gate_passed():
    assert "until every gate passed" in render_page(made_reports.repaired())
    page = render_page(made_reports.repaired(gates=made_reports.refused().gates))
    assert "until every gate passed" not in page
    assert "one after the other: none passed every gate. Each" in page


def test_the_tile_and_the_chart_tell_the_same_speed():
    # Medians of disturbed rounds, 1.1 and 1.0, and rounds in which both were timed: those tell.
    row = replace(made_reports.rows()[3], latency=made_reports.latency(4.5))
    (tile,) = [one for one in headline_tiles((*made_reports.rows()[:3], row)) if one.name == "Latency"]
    assert tile.meaning == "2.2 × faster than TFLite float32"
    (*_, bar) = latency_chart((*made_reports.rows()[:3], row)).bars
    assert bar.note == "2.2 × faster"
    level = replace(row, times_float=Ratio(1.0, 0.98, 1.02, 1.0, rounds=120))
    (tile,) = [one for one in headline_tiles((*made_reports.rows()[:3], level)) if one.name == "Latency"]
    assert tile.meaning == "no difference to TFLite float32"


def test_only_what_was_measured_has_a_place():
    page = render_page(made_reports.bare())
    for absent in ("Layer by layer", "Answered otherwise", "Worth knowing", "Accuracy", "Latency", "interval after"):
        assert absent not in page
    assert "equal" in page  # an infinite ratio in words


def test_layers_that_could_not_be_compared_say_why():
    errors = replace(made_reports.layers(), layers=(), note="the step 'compare_layers' killed its process (SIGSEGV)")
    assert "killed its process (SIGSEGV)" in render_page(made_reports.report(layers=errors))


def test_one_layer_alone_is_a_table_without_a_plot():
    errors = replace(made_reports.layers(), layers=(made_reports.layer(1),))
    page = render_page(made_reports.report(layers=errors))
    assert "conv_1" in page
    assert "in the order of computation</p>" not in page


def test_numbers_that_are_no_numbers_do_not_stop_the_page():
    infinite = float("inf")
    odd = replace(made_reports.layer(2, db=-infinite), low=-infinite, high=infinite, range_low=None, range_high=None)
    errors = replace(made_reports.layers(), layers=(made_reports.layer(1), odd))
    assert "no signal" in render_page(made_reports.report(layers=errors))


def test_all_passed_is_said_in_the_title_too():
    assert "<title>net: converted</title>" in render_page(made_reports.report())
    refusal = GateResult("size", passed=False, detail="too large")
    assert "<title>net: refused</title>" in render_page(made_reports.report(gates=(refusal,)))
