"""Whether a bundle is whole, and every installed engine answers it as the converter saw it answer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lepton_edge_runtime.backends import BACKENDS
from lepton_edge_runtime.bundle import Bundle
from lepton_edge_runtime.choice import check_golden, engine_version, open_proved
from lepton_edge_runtime.errors import BackendError, BundleError
from lepton_edge_runtime.model import read_candidate

HASHES = "hashes"
"""What the first check is called; the others are of the golden samples."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: ``passed``, ``failed``, or ``skipped`` with the reason in ``detail``."""

    what: str
    outcome: Literal["passed", "failed", "skipped"]
    detail: str


def verify(path: str | Path, *, threads: int = 1) -> list[Check]:
    """Return a check of every member's hash, and of the golden samples on every installed backend.

    No engine is given a file whose members are not as its manifest says.

    Raises:
        BundleError: The file is no bundle, or its manifest cannot be read.
    """
    path = Path(path)
    bundle = Bundle(path)
    try:
        for name in bundle.manifest.members:
            bundle.member(name)
    except BundleError as changed:
        untried = [Check(_golden(name), "skipped", "the bundle was changed") for name in BACKENDS]
        return [Check(HASHES, "failed", str(changed)), *untried]
    checks = [Check(HASHES, "passed", f"{len(bundle.manifest.members)} members are as the manifest says")]
    return checks + [_check_backend(name, path, threads) for name in BACKENDS]


def _golden(name: str) -> str:
    return f"golden samples, {name}"


def _check_backend(name: str, path: Path, threads: int) -> Check:
    candidate = read_candidate(path)
    engine = BACKENDS[name]
    what = _golden(name)
    if engine.member not in candidate.members:
        return Check(what, "skipped", f"the bundle has no {engine.member}")
    if not engine.installed:
        return Check(what, "skipped", f"{engine.distribution} is not installed")
    if candidate.golden is None:
        return Check(what, "skipped", "the bundle has no golden samples")
    try:
        runner = open_proved(candidate, name, threads)
        differences = check_golden(runner, candidate, engine.member)
    except BackendError as refused:
        # An engine that cannot be imported has not answered, and says nothing of the bundle.
        return Check(what, "skipped" if isinstance(refused.__cause__, ImportError) else "failed", str(refused))
    runner.backend.close()
    worst = ", ".join(
        f"{d:g} of {limit:g}" for d, limit in zip(differences, (candidate.tolerance or {})[engine.member], strict=True)
    )
    detail = f"{len(candidate.golden())} samples, {engine_version(name)}, largest difference {worst}"
    return Check(what, "passed", detail + "".join(f"; {note}" for note in runner.backend.notes))
