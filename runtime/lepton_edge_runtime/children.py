"""Fresh Python processes: what crashes there is a finding here, and its memory is its own."""

import json
import signal
import subprocess
import sys
from typing import Any

from lepton_edge_runtime.errors import ProbeError


def ask_child(module: str, *arguments: str, timeout_seconds: float = 120.0) -> dict[str, Any]:
    """Return the JSON object that ``python -m lepton_edge_runtime.MODULE`` prints.

    Raises:
        ProbeError: It failed, was killed, or took too long; with the last it said.
    """
    # -P: a numpy.py that lies in the user's folder is not the numpy that is meant.
    command = [sys.executable, "-P", "-m", f"lepton_edge_runtime.{module}", *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, timeout=timeout_seconds, encoding="utf-8", errors="replace"
        )
    except subprocess.TimeoutExpired as late:
        raise ProbeError(f"it did not answer within {timeout_seconds:g} s") from late
    if done.returncode < 0:
        raise ProbeError(f"its process was killed by {signal.Signals(-done.returncode).name}")
    try:
        # The last line: engines may greet on standard output.
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError) as nothing:
        words = done.stderr.strip().splitlines()
        raise ProbeError(words[-1] if words else f"its process ended with status {done.returncode}") from nothing
    return answer
