"""What a report has to say beside its gates: one place for the page, JUnit and annotations."""

from collections.abc import Iterator
from dataclasses import dataclass

from lepton_edge_converters.report import Report
from lepton_edge_converters.report.attention import Attention
from lepton_edge_converters.report.pruned import Pruned


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
    if report.pruned is not None:
        yield Remark(report.model, pruned_remark(report.pruned))


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


def pruned_remark(pruned: Pruned) -> str:
    """Return what removing channels brought, in a sentence."""
    fewer = [
        f"{_COSTS[name]} {before / 10**power:,.4g} to {pruned.after[name] / 10**power:,.4g}{unit}"
        for name, before in pruned.before.items()
        if name in _COSTS
        for power, unit in (_UNITS[name],)
    ]
    learned = sorted({one.learned_from for one in pruned.recoveries})
    epochs = sum(one.epochs for one in pruned.recoveries)
    trained = f"; {epochs} epochs of training by {' and '.join(learned)}" if learned else "; it was not trained"
    unknown = ", ".join(f"{layer} ({kind})" for layer, kind in pruned.unknown.items())
    kept = f"; not known, and so left with all that they touch: {unknown}" if unknown else ""
    missed = f"; {pruned.missed}" if pruned.missed else ""
    return f"channels were removed, {', '.join(fewer)}{trained}{kept}{missed}"


def attention_remark(attention: Attention) -> str:
    """Return whether both files look at the same places, in a sentence."""
    if attention.correlation is None:
        return f"where the files look was not compared: {attention.note or 'no picture has any heat'}"
    found = attention.correlation
    interval = f" [{found.low:.3f}, {found.high:.3f}]" if found.samples > 1 else ""
    return (
        f"{attention.artefact} looks where {attention.reference} looks: rank correlation of heat {found.value:.3f}"
        f"{interval}, mean of {found.samples} pictures"
    )


_COSTS = {"milliseconds": "time in 8 bits", "parameters": "parameters", "macs": "multiplications"}
_UNITS = {"milliseconds": (0, " ms"), "parameters": (3, " thousand"), "macs": (6, " M")}
