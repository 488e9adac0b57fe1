"""Engines: whether each really loads and runs a model, seen in a process of its own."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lepton_edge_runtime.diagnosis.finding import Finding, State
from lepton_edge_runtime.diagnosis.surroundings import Surroundings
from lepton_edge_runtime.errors import ProbeError

if TYPE_CHECKING:
    from lepton_edge_runtime.backends import Engine


def look(at: Surroundings) -> Iterator[Finding]:
    """Yield how each installed engine fares."""
    try:
        from lepton_edge_runtime.backends import BACKENDS  # noqa: PLC0415 - needs numpy, which may be what is broken
    except ImportError as broken:
        yield Finding("engines", "problem", f"nothing can be tried: {broken}", "pip install --force-reinstall numpy")
        return
    for name, engine in BACKENDS.items():
        if engine.distribution in at.packages:
            yield _engine(at, name, engine)


def _engine(at: Surroundings, name: str, engine: "Engine") -> Finding:
    try:
        answer = at.probe(name)
    except ProbeError as problem:
        mend = f"pip install --force-reinstall {engine.distribution}"
        if "killed" in str(problem):
            mend += "; if that does not help, an older version, or a newer processor"
        return Finding(f"backend {name}", "problem", f"{engine.distribution} does not run: {problem}", mend)
    observed = "".join(f"; {one}" for one in [*answer["observed"], *answer["notes"]])
    state: State = "note" if answer["notes"] else "good"
    return Finding(f"backend {name}", state, f"{answer['engine']} loads and runs{observed}")
