"""Ctrl-C at any time: no temporary folder, no process, nothing half-written; the older bundle as it was."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import keras_models
import numpy as np
import pytest

from lepton_edge_converters.lock import BUNDLE, hash_artefacts, read_lock

SCRIPT = Path(__file__).parents[1] / "interrupted_convert.py"
OLD = ("m.lepton", "m.report.json", "m.lepton.lock")


@pytest.fixture
def place(tmp_path):
    for name in ("out", "scratch", "cache"):
        (tmp_path / name).mkdir()
    for name in OLD:
        (tmp_path / "out" / name).write_text("old")
    x, y = keras_models.patterns(60, seed=3)
    np.savez(tmp_path / "samples.npz", x=x, y=y)
    return tmp_path


@pytest.fixture
def started(place, keras_file):
    """Start a conversion that waits at a step, in a session of its own, as in a terminal."""
    running = []

    def start(step, *arguments):
        command = [
            sys.executable, SCRIPT, step, "convert", keras_file("sequential"), "-o", place / "out" / "m.lepton",
            "--data", place / "samples.npz", "--force", "--formats", "tflite", *arguments,
        ]  # fmt: skip
        process = subprocess.Popen(
            list(map(str, command)),
            env={**os.environ, "TMPDIR": str(place / "scratch"), "XDG_CACHE_HOME": str(place / "cache")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def members(session):
    """Return the processes of a session that are still there."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[3] == str(session):
            found.append(stat.parent.name)
    return found


def nothing_left(place, session, *, files=OLD):
    assert list((place / "scratch").iterdir()) == []
    assert members(session) == []
    assert sorted(path.name for path in (place / "out").iterdir()) == sorted(files)
    assert [path for path in (place / "cache").rglob("*") if path.is_file() and path.suffix != ".stage"] == []


STEPS = ("loading the model", "reading the samples", "calibration 10", "latency")


@pytest.mark.parametrize("step", STEPS)
def test_ctrl_c_leaves_nothing_behind(started, place, step):
    process = started(step)
    assert process.stdout.readline() == "there\n"
    assert list((place / "scratch").iterdir())  # so there was something to clear away
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all of them
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.strip()) == (130, "", "")
    nothing_left(place, process.pid)
    assert all((place / "out" / name).read_text() == "old" for name in OLD)


def test_an_impatient_user_does_not_cut_the_clearing_away_in_two(started, place):
    process = started("calibration 10")
    assert process.stdout.readline() == "there\n"
    while process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    assert process.wait() == 130
    nothing_left(place, process.pid)


def test_a_polite_request_to_end_is_as_good(started, place):
    process = started("calibration 10")
    assert process.stdout.readline() == "there\n"
    process.terminate()
    assert process.wait(timeout=60) == 143
    nothing_left(place, process.pid)


def test_what_was_kept_before_serves_the_next_run(started, place):
    process = started("latency")
    assert process.stdout.readline() == "there\n"
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) == 130
    process = started("", "--json")
    out, _ = process.communicate(timeout=60)
    stages = json.loads(out)["stages"]
    assert {"load.opened:trace_file", "exporters.tflite:export_tflite"} <= set(stages["reused"])
    assert not {"load.opened:trace_file", "exporters.tflite:export_tflite"} & set(stages["carried_out"])


def test_ctrl_c_while_writing_comes_when_all_is_written(started, place):
    process = started("writing")
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.strip()) == (130, "")
    nothing_left(place, process.pid, files=(*OLD, "m.report.html"))
    bundle = place / "out" / "m.lepton"
    assert read_lock(bundle).artefacts[BUNDLE] == hash_artefacts(bundle)[BUNDLE]
    assert (place / "out" / "m.report.json").read_text() != "old"
