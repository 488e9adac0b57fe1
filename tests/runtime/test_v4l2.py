"""A real V4L2 camera, the kernel's test camera in an emulated machine, through our own Camera."""

import json
import sys

import pytest
from v4l2 import machine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(machine.lacks()), reason=f"no emulated camera: {machine.lacks()} (make v4l2)"),
]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """What was seen in each scene of ``tests/v4l2/play.py``."""
    play = [sys.executable, str(machine.ROOT / "tests" / "v4l2" / "play.py")]
    command = ["env", "PATH=/usr/bin:/bin:/usr/sbin", "PYTHONDONTWRITEBYTECODE=1", "timeout", "300", *play]
    printed = machine.run(command, tmp_path_factory.mktemp("machine"), timeout_seconds=400)
    told = [json.loads(line.partition("SCENE ")[2]) for line in printed.splitlines() if "SCENE " in line]
    seen = {facts["scene"]: facts for facts in told}
    assert "plugged in again" in seen, printed[-4000:]
    return seen


@pytest.mark.parametrize("scene", ["flows", "flows again", "plugged in again"])
def test_frames_flow_from_a_camera(scenes, scene):
    facts = scenes[scene]
    assert facts["shapes"] == [[480, 640, 3]]
    assert facts["fps"] > 0
    assert facts["ended"]
    assert facts["balanced"]


def test_a_device_file_is_the_cameras_number(scenes):
    assert scenes["flows"]["source"] == 0


def test_a_camera_that_is_not_there_is_told_from_those_that_are(scenes):
    facts = scenes["missing"]
    assert (facts["error"], facts["message"]) == (
        "SourceNotFoundError", "there is no camera 7 (/dev/video7); there are: 0",
    )  # fmt: skip


def test_a_camera_in_use_says_that_another_program_may_hold_it(scenes):
    assert scenes["held"]["error"] == "SourceError"
    assert "another program may hold it" in scenes["held"]["message"]


def test_a_silent_camera_is_told_after_the_time_that_was_asked_for(scenes):
    facts = scenes["silent"]
    assert (facts["error"], facts["message"]) == ("SourceTimeoutError", "camera 0 gave no frame for 3 s")
    assert facts["balanced"]


def test_a_camera_that_stalls_fails_when_the_driver_gives_up(scenes):
    facts = scenes["stalls"]
    assert facts["error"] == "SourceTimeoutError"
    assert "camera 0 stopped giving pictures" in facts["message"]
    assert facts["waited"] < 30  # the camera's own time-out did not have to step in
    assert facts["ended"]
    assert facts["balanced"]


def test_an_unplugged_camera_fails_without_a_busy_loop(scenes):
    facts = scenes["unplugged"]
    assert facts["error"] == "SourceTimeoutError"
    assert "is it still plugged in?" in facts["message"]
    # Two seconds of trying every 20 ms, and the frames before; without a pause it would be tens of thousands.
    assert facts["reads"] - facts["captured"] <= 101
    assert facts["ended"]
    assert facts["balanced"]
