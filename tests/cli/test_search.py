"""``lepton-edge search``, as a user calls it."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import keras_models
import numpy as np
import pytest

from lepton_edge_converters.search.stamp import read_stamp


@pytest.fixture
def samples(tmp_path):
    x, y = keras_models.patterns(120, seed=3)
    np.savez(tmp_path / "samples.npz", x=x, y=y)
    return tmp_path / "samples.npz"


@pytest.mark.slow
def test_points_are_made_by_a_process_of_their_own_and_printed(command, keras_file, samples, tmp_path):
    asked = ("search", keras_file("sequential"), "-o", tmp_path / "out", "--data", samples, "--macs", "1")
    asked += ("--scheme", "float32,int8")
    status, printed, err = command(*asked)
    assert status == 0
    lines = printed.splitlines()
    assert lines[0].split()[:3] == ["tflite", "accuracy", "95"]
    assert {line.split("  ")[0] for line in lines[1:3]} == {"full float32", "full int8"}
    assert "2 of 2 points, 2 made or tried in this run" in err
    status, printed, err = command(*asked, "--json")
    assert status == 0
    assert "2 of 2 points, 0 made or tried in this run" in err
    found = json.loads(printed)
    assert [one["name"] for one in found["points"]] == ["full-float32", "full-int8"]
    assert found == json.loads((tmp_path / "out" / "search.json").read_text())


@pytest.mark.slow
def test_ctrl_c_leaves_no_process_no_temporary_folder_and_no_half_point(keras_file, samples, tmp_path):
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    scratch.mkdir()
    start = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from lepton_edge.cli import main\n"
        "if __name__ == '__main__': main()"
    )
    script = tmp_path / "start.py"
    script.write_text(start)
    asked = ["search", keras_file("sequential"), "-o", out, "--data", samples, "--macs", "1", "--scheme", "int8"]
    process = subprocess.Popen(
        [sys.executable, script, *map(str, asked)],
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    bundle = out / "full-int8.lepton"
    while read_stamp(bundle) is None or not list(scratch.glob("lepton-edge-*")):
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all of them
    out_said, error_said = process.communicate(timeout=120)
    assert (process.returncode, out_said, error_said.strip()) == (130, "", "")
    assert list(scratch.glob("lepton-edge-*")) == []
    assert not read_stamp(bundle).done
    assert not bundle.exists()
    deadline = time.monotonic() + 30  # a process that was told to end may still be at it
    while living(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not living(process.pid)


def living(session):
    """Return the processes of a session that have not ended; the dead that nobody has buried do not count."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            state, _, _, its_session = stat.read_text().rpartition(")")[2].split()[:4]
            if int(its_session) == session and state != "Z":
                found.append(stat.parent.name)
    return found


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--speedup", "1,x"), 2, "'1,x' is no list of numbers over 0; write 1,1.5,2"),
        (("--macs", "0"), 2, "'0' is no list of numbers over 0"),
        (("--scheme", "int7"), 1, "no scheme 'int7'; there are: float32"),
        (("--speedup", "0.5"), 1, "speedup is how many times as fast, over 1, not 0.5"),
        ((), 1, "there is no model at "),
    ],
)
def test_slips_are_told(command, samples, tmp_path, arguments, status, message):
    found, _, err = command("search", tmp_path / "none.keras", "-o", tmp_path / "out", "--data", samples, *arguments)
    assert found == status
    assert message in err
