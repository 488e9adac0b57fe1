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
    if report.sparse is not None:
        yield Remark("sparse weights", sparse_remark(report))


def sparse_remark(report: Report) -> str:
    """Return what sparse weights are for, and what they are not for, in a sentence; empty where there are none."""
    if report.sparse is None:
        return ""
    sizes = [
        f"{row.title} has {row.size_bytes / 1024:,.0f} KB, and {row.download_bytes / 1024:,.0f} KB when packed"
        for row in report.rows
        if row.shipped and row.size_bytes is not None and row.download_bytes is not None
    ]
    download = f"; {', '.join(sizes)}" if sizes else ""
    return (
        f"{report.sparse.zeros:.1%} of the weights are zero ({report.sparse.asked}): they make the download "
        f"smaller{download}. No engine here runs sparse weights faster, nor in less memory"
    )
