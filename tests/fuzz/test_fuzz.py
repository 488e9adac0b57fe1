"""A short run of the fuzzer; ``make fuzz`` runs it for as long as you like."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize(("group", "targets"), [("bundle", 3), ("models", 3), ("engines", 4)])
def test_broken_files_are_refused_and_nothing_else_happens(group, targets):
    command = [sys.executable, "-m", "fuzz", "--group", group, "--inputs", "120", "--seed", "11", "--seconds", "600"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(TESTS)}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("120 inputs: ") == targets
    assert done.stdout.count("; 0 crashes") == targets


def test_a_crash_is_found_and_can_be_repeated(tmp_path):
    """The fuzzer itself: a reader that trusts its input is told on, with the number that repeats it."""
    script = """
import signal, sys
from pathlib import Path
import fuzz.__main__ as driver
from fuzz.mutations import mutate_bytes
from fuzz.targets import Target
tally = driver.Tally()
for one in (signal.SIGPROF, signal.SIGALRM):
    signal.signal(one, driver.too_slow)
target = Target([b"12345678"], mutate_bytes, lambda data, _: data.decode())
driver.fuzz(target, Path(sys.argv[1]), seed=0, first=0, inputs=200, seconds=60, tally=tally)
number, message, _ = tally.crashes[0]
again = driver.Tally()
driver.fuzz(target, Path(sys.argv[1]), seed=0, first=number, inputs=1, seconds=60, tally=again)
print(len(tally.crashes) > 10, again.crashes[0][1] == message, message)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(TESTS)},
    )  # fmt: skip
    assert done.stdout.startswith("True True UnicodeDecodeError")
