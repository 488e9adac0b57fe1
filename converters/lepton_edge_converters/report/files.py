"""Reports beside their bundles."""

import json
from dataclasses import replace

from lepton_edge_converters.report import Report
from lepton_edge_converters.report.page import render_page
from lepton_edge_runtime.atomic import replacing


def write_reports(report: Report) -> None:
    """Write ``NAME.report.json`` and ``NAME.report.html`` beside the bundle, and take away those of a refused try.

    Raises:
        OSError: The folder cannot be written to.
    """
    _write(report)
    for kind in ("json", "html"):
        report.output.with_suffix(f".refused.report.{kind}").unlink(missing_ok=True)


def write_refused(report: Report) -> Report:
    """Write the reports of a refused model, as ``NAME.refused.report.json`` and ``.html``, and return the report.

    Where that fails, the refusal stays what is told; the report then has a warning more.
    """
    try:
        _write(report)
    except OSError as problem:
        unwritten = f"the report could not be written to {report.file('html')}: {problem.strerror or problem}"
        return replace(report, warnings=(*report.warnings, unwritten))
    return report


def _write(report: Report) -> None:
    numbers = json.dumps(report.to_dict(), indent=2, allow_nan=False) + "\n"
    # A name that is no Unicode text, as files may have, shall not cost the whole report.
    page = render_page(report).encode("utf-8", "backslashreplace")
    for path, content in ((report.file("json"), numbers.encode()), (report.file("html"), page)):
        with replacing(path) as file:
            file.write(content)
