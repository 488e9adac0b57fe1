"""Child processes that see nothing of this one's Python."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class ProcessFailedError(Exception):
    """A command that the checks rest on failed; the message has its last words."""


def run(
    command: Sequence[str | Path], *, cwd: Path, surroundings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in ``cwd``, without this process's Python settings, and return what it said.

    ``surroundings`` are environment variables to set.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    # Models are converted on the CPU here as there: a GPU would change the last digits.
    environment["CUDA_VISIBLE_DEVICES"] = "-1"
    environment |= surroundings or {}
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def must_run(command: Sequence[str | Path], *, cwd: Path, surroundings: Mapping[str, str] | None = None) -> str:
    """Run a command and return its standard output; raise ProcessFailedError if it fails."""
    done = run(command, cwd=cwd, surroundings=surroundings)
    if done.returncode:
        words = " ".join(str(word) for word in command)
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise ProcessFailedError(f"{words} ended with {done.returncode}:\n{last}")
    return done.stdout
