"""Builds both distributions: the source archive, the wheel from it, and the wheel straight from the tree."""

import sys
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from dist_check.kits import FULL, RUNTIME
from dist_check.processes import must_run

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = {FULL: ROOT, RUNTIME: ROOT / "runtime"}
"""Distribution and where its ``pyproject.toml`` lies."""


@dataclass(frozen=True, slots=True)
class Built:
    """What was built of one distribution.

    Attributes:
        sdist: The source archive.
        wheel: Built from the source archive: what is installed.
        tree_wheel: Built from the tree: what a checkout gives.
    """

    sdist: Path
    wheel: Path
    tree_wheel: Path


def build_all(folder: Path, pool: Executor) -> dict[str, Built]:
    """Return both distributions, built in ``folder``."""
    folder.mkdir()
    jobs = {}
    for name, project in PROJECTS.items():
        build = [sys.executable, "-m", "build", "--outdir"]
        # Without --wheel, build makes the wheel from the source archive that it has just made.
        jobs[name, "sdist"] = pool.submit(must_run, [*build, folder / name / "sdist", project], cwd=folder)
        jobs[name, "tree"] = pool.submit(must_run, [*build, folder / name / "tree", "--wheel", project], cwd=folder)
    for job in jobs.values():
        job.result()
    return {name: _found(folder / name) for name in PROJECTS}


def _found(folder: Path) -> Built:
    return Built(_only(folder / "sdist", "*.tar.gz"), _only(folder / "sdist", "*.whl"), _only(folder / "tree", "*.whl"))


def _only(folder: Path, pattern: str) -> Path:
    [path] = folder.glob(pattern)
    return path
