"""Tries a kit: a clean environment, the installation, the figures, the checks."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

from dist_check.builds import ROOT
from dist_check.checks import Installed, checks_of
from dist_check.environment import Environment
from dist_check.finding import Finding, finding
from dist_check.kits import Kit
from dist_check.processes import must_run
from dist_check.subject import Subject

_IMPORTS = 5


@dataclass(frozen=True, slots=True)
class Ground:
    """What all trials share.

    Attributes:
        folder: Where the environments are made.
        python: The interpreter that makes them.
        constraint: The versions to install.
        pinned: Whether interpreter and versions are those of the development environment.
        keep: Whether the environments stay.
        subject: What they are asked to run.
    """

    folder: Path
    python: str
    constraint: Path
    pinned: bool
    keep: bool
    subject: Subject


@dataclass(frozen=True, slots=True)
class Trial:
    """A kit, tried: ``installed`` is missing where the installation failed."""

    kit: Kit
    installed: Installed | None
    findings: tuple[Finding, ...]
    seconds: float


def try_kit(kit: Kit, wheel: Path, ground: Ground) -> Trial:
    """Install a kit and carry out every check."""
    begin = monotonic()
    folder = ground.folder / kit.name
    installed: list[Installed] = []

    def installs() -> Iterator[str]:
        """It installs, from wheels alone."""
        installed.append(_install(kit, wheel, folder, ground))
        yield from ()  # a generator, so that what fails is caught where its findings are collected

    findings = [finding(kit.name, installs, installs())]
    for one in installed:
        findings += [finding(kit.name, check, check(one)) for check in checks_of(kit)]
    if not ground.keep:
        shutil.rmtree(folder, ignore_errors=True)  # there is none where the installation failed at once
    return Trial(kit, installed[0] if installed else None, tuple(findings), monotonic() - begin)


def _install(kit: Kit, wheel: Path, folder: Path, ground: Ground) -> Installed:
    environment = Environment(folder, ground.python)
    environment.install(f"{wheel}[{kit.extra}]" if kit.extra else str(wheel), ground.constraint)
    costs = [_import_cost(environment, kit) for _ in range(_IMPORTS)]
    cpu_ms = median(float(cost["cpu_ms"]) for cost in costs)
    return Installed(
        kit, environment, ground.subject, environment.sizes(), cpu_ms, tuple(costs[0]["heavy"]), ground.pinned
    )


def _import_cost(environment: Environment, kit: Kit) -> dict[str, Any]:
    package = kit.distribution.replace("-", "_")
    words: list[str | Path] = [environment.python, "-I", ROOT / "benchmarks" / "probes.py", "import_cost", package]
    answer: dict[str, Any] = json.loads(must_run(words, cwd=environment.folder))
    return answer
