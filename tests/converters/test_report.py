"""A report for people, and as JSON."""

import io
import json
from dataclasses import replace
from math import inf
from pathlib import Path

import made_reports
import pytest

from lepton_edge_converters.report import GateResult, Report, Row, SampleCounts, Tried, decibels, words
from lepton_edge_converters.report.table import print_report
from lepton_edge_converters.samples.lint import Finding
from lepton_edge_runtime.text import printable

EQUAL = Report(
    model="equal",
    output=Path("equal.lepton"),
    scheme="float32",
    task="raw",
    preprocess=(),
    parameters=1,
    macs=1,
    size_bytes=1,
    samples=SampleCounts("made up", total=1, calibration=0, judged=1, labelled=False),
    rows=(Row("TFLite float32", shipped=True, cosine=1.0, sqnr_db=float("inf")),),
    gates=(),
    warnings=(),
    machine="made up",
    versions={},
    seconds=1.0,
)


def test_outputs_that_are_equal_are_called_equal():
    shown = io.StringIO()
    print_report(EQUAL, shown)
    (row,) = [line for line in shown.getvalue().splitlines() if line.startswith("TFLite float32")]
    assert row.split()[-2:] == ["1.00000", "equal"]


@pytest.mark.parametrize(
    ("ratio", "told"), [(inf, "equal"), (-inf, "no signal"), (-0.04, "0.0 dB"), (-3.25, "-3.2 dB")]
)
def test_page_and_log_say_a_ratio_in_the_same_words(ratio, told):
    assert decibels(ratio) == told
    assert words.decibels(ratio).replace("\N{NARROW NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-") == told


def test_json_has_no_infinity():
    text = json.dumps(EQUAL.to_dict(), allow_nan=False)
    assert json.loads(text)["rows"][0]["sqnr_db"] is None


@pytest.mark.parametrize("name", ["photos[/old]", "[bold]loud", "\x1b[31mred", "back\\[red]slash"])
def test_a_name_is_shown_as_it_is_and_steers_no_terminal(name):
    report, shown = made_reports.report(), io.StringIO()
    counts = replace(report.samples, origin=name)
    tried = (Tried("int8", "refused", name),)
    gates = (GateResult(name, passed=True, detail=name),)
    print_report(
        replace(report, model=name, samples=counts, gates=gates, changes=(name,), warnings=(name,), tried=tried,
                lint=(Finding("ODD", name),), machine=name), shown,
    )  # fmt: skip
    assert shown.getvalue().count(printable(name)) == 9
    assert "\x1b" not in shown.getvalue()
