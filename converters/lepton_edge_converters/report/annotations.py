"""A report as annotations: lines that a build server shows beside the change that was built."""

from collections.abc import Iterator

from lepton_edge_converters.report import Report
from lepton_edge_converters.report.remarks import remarks
from lepton_edge_runtime.errors import LeptonError
from lepton_edge_runtime.text import printable

_KIND_MAX = 10
"""GitHub shows as many of one kind from one step, and drops the others without a word."""


def github_annotations(report: Report) -> tuple[str, ...]:
    """Return workflow commands for GitHub Actions: refused gates are errors, warnings are warnings, success a notice.

    What is past the tenth of a kind is told in the tenth.
    """
    refused = [(gate.name, gate.detail) for gate in report.gates if not gate.passed]
    lines = [*_commands("error", refused), *_commands("warning", [(one.about, one.text) for one in remarks(report)])]
    if report.passed:
        held = f"all {len(report.gates)} gates hold for {report.output.name}"
        lines.append(_command("notice", f"{report.model} {report.scheme}", held))
    return tuple(lines)


def github_error(error: LeptonError) -> str:
    """Return the workflow command for a conversion that came to no verdict."""
    return _command("error", error.code, str(error))


def _commands(kind: str, told: list[tuple[str, str]]) -> Iterator[str]:
    first = told if len(told) <= _KIND_MAX else told[: _KIND_MAX - 1]
    yield from (_command(kind, title, text) for title, text in first)
    rest = told[len(first) :]
    if rest:
        yield _command(kind, f"{len(rest)} more", "; ".join(f"{title}: {text}" for title, text in rest))


def _command(kind: str, title: str, text: str) -> str:
    # A title ends at a comma or colon, a command at the end of its line.
    escaped = _data(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} title={escaped}::{_data(text)}"


def _data(text: str) -> str:
    return printable(text).replace("%", "%25")
