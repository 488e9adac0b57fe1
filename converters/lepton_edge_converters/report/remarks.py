"""What a report has to say beside its gates: one place for the page, JUnit and annotations."""

from collections.abc import Iterator
from dataclasses import dataclass

from lepton_edge_converters.report import Report


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence, and what it is about."""

    about: str
    text: str


def remarks(report: Report) -> Iterator[Remark]:
    """Yield what the user should know, in the order in which it is shown."""
    refused = {gate.name for gate in report.gates if not gate.passed}
    for finding in report.lint:
        if f"samples {finding.code}" not in refused:  # told already
            yield Remark(f"samples {finding.code}", finding.text)
    for warning in report.warnings:
        yield Remark(report.model, warning)
