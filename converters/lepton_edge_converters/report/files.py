"""Reports beside their bundles."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lepton_edge_converters.report import Report
from lepton_edge_converters.report.page import render_page
from lepton_edge_runtime.atomic import replace_all


def write_reports(report: Report, others: Mapping[Path, bytes] | None = None) -> None:
    """Write ``NAME.report.json`` and ``NAME.report.html`` beside the bundle, and take away those of a refused try.

    Args:
        report: With the place of its bundle.
        others: Files that belong to it, which are written with it: all of them or none.

    Raises:
        OSError: The folder cannot be written to, or has no room.
    """
    replace_all({**_contents(report), **(others or {})})
    for kind in ("json", "html"):
        report.output.with_suffix(f".refused.report.{kind}").unlink(missing_ok=True)


def write_refused(report: Report) -> Report:
    """Write the reports of a refused model, as ``NAME.refused.report.json`` and ``.html``, and return the report.

    Where that fails, the refusal stays what is told; the report then has a warning more.
    """
    try:
        replace_all(_contents(report))
    except OSError as problem:
        unwritten = f"the report could not be written to {report.file('html')}: {problem.strerror or problem}"
        return replace(report, warnings=(*report.warnings, unwritten))
    return report


def _contents(report: Report) -> dict[Path, bytes]:
    numbers = json.dumps(report.to_dict(), indent=2, allow_nan=False) + "\n"
    # A name that is no Unicode text, as files may have, shall not cost the whole report.
    page = render_page(report).encode("utf-8", "backslashreplace")
    return {report.file("json"): numbers.encode(), report.file("html"): page}
