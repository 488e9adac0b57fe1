"""A clean virtual environment, and what was installed into it."""

import json
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from dist_check.processes import must_run

_PROBE = Path(__file__).with_name("probe.py")


class Environment:
    """A virtual environment without pip: only what was asked for is in it.

    Args:
        folder: Where it is made.
        python: The interpreter that makes it.
    """

    def __init__(self, folder: Path, python: str) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        must_run([python, "-m", "venv", "--without-pip", folder], cwd=folder.parent)

    def install(self, requirement: str, constraint: Path) -> None:
        """Install a requirement, wheels only, at the versions that ``constraint`` names."""
        options = ["--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--constraint", str(constraint)]
        must_run([*self._pip, "install", *options, requirement], cwd=self.folder)

    def check(self) -> None:
        """Let pip check it; raise ProcessFailedError where it finds a conflict."""
        must_run([*self._pip, "check"], cwd=self.folder)

    def sizes(self) -> dict[str, int]:
        """Return the size of each distribution in bytes, compiled Python left out."""
        [packages] = (self.folder / "lib").glob("python*/site-packages")
        return {one.name: _size(one) for one in distributions(path=[str(packages)])}

    def probe(self, name: str, *arguments: str | Path) -> Any:
        """Return what a function of ``probe.py`` answers there."""
        return probe(self.python, name, *arguments, cwd=self.folder)

    @property
    def _pip(self) -> list[str | Path]:
        return [sys.executable, "-m", "pip", "--python", self.python]


def probe(python: str | Path, name: str, *arguments: str | Path, cwd: Path) -> Any:
    """Return what a function of ``probe.py`` answers under this interpreter."""
    # Isolated: neither the checkout nor the user's packages are importable, only what is installed.
    return json.loads(must_run([python, "-I", _PROBE, name, *arguments], cwd=cwd).splitlines()[-1])


def _size(distribution: Distribution) -> int:
    files = {Path(str(one.locate())) for one in distribution.files or () if one.suffix != ".pyc"}
    return sum(path.stat().st_size for path in files if path.is_file())
