import os
import signal
import threading
import time
from pathlib import Path

import numbered
import numpy as np
import pytest
import rpicam_stand_in

from lepton_edge_runtime.camera import Camera
from lepton_edge_runtime.errors import SourceError, SourceFormatError, SourceNotFoundError, SourceTimeoutError
from lepton_edge_runtime.sources import Patience, open_source

ADDRESS = "csi:1?size=320x240&fps=100"
# The stand-in is a Python process that loads OpenCV: on a busy machine its first picture takes a while.
PATIENCE = Patience(open_seconds=20.0, read_seconds=0.5)


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Return a function that puts a stand-in on the PATH, alone there."""

    def installed(behaviour, name="rpicam-vid"):
        rpicam_stand_in.install(tmp_path, behaviour, name)
        monkeypatch.setenv("PATH", str(tmp_path))
        return tmp_path

    return installed


def alive(folder):
    return Path("/proc", (folder / "pid").read_text()).exists()


def open_files():
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def test_pictures_arrive_in_order_as_they_were_encoded(program):
    program("good")
    source = open_source(ADDRESS, PATIENCE)
    try:
        images = [source.read().image for _ in range(30)]
    finally:
        source.close()
    assert [numbered.number(image) for image in images] == list(range(30))
    # JPEG at quality 90: a few levels on flat fields, more along the bars' edges.
    assert np.abs(images[5].astype(int) - numbered.picture(5)).mean() < 3


def test_the_program_is_asked_for_camera_size_and_rate(program):
    folder = program("good")
    open_source(ADDRESS, PATIENCE).close()
    words = (folder / "arguments").read_text().splitlines()
    options = dict(zip(words[:-2:2], words[1:-2:2], strict=True))
    assert options == {
        "--camera": "1", "--timeout": "0", "--codec": "mjpeg", "--quality": "90", "--width": "320",
        "--height": "240", "--framerate": "100", "--output": "-",
    }  # fmt: skip
    assert words[-2:] == ["--nopreview", "--flush"]


def test_the_programs_older_name_will_do(program):
    program("good", "libcamera-vid")
    with Camera(ADDRESS) as camera:
        assert next(iter(camera)).image.shape == (240, 320, 3)


def test_without_the_program_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceNotFoundError, match=r"neither is on the PATH; on Raspberry Pi OS: sudo apt install"):
        Camera("csi:0")


def test_a_program_that_cannot_be_started_says_so(tmp_path, monkeypatch):
    (tmp_path / "rpicam-vid").write_bytes(b"\x7fELF no program")
    (tmp_path / "rpicam-vid").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match=r"cannot start .*rpicam-vid: Exec format error"):
        Camera("csi:0")


def test_a_camera_is_closed_without_a_process_thread_or_file_left(program):
    folder = program("good")
    Camera(ADDRESS).close()  # whatever is loaded and opened once
    before = open_files()
    for _ in range(3):
        with Camera(ADDRESS) as camera:
            next(iter(camera))
        assert not alive(folder)
    assert open_files() == before
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("camera")]


@pytest.mark.parametrize(
    ("behaviour", "error", "message"),
    [
        (
            "refuses",
            SourceError,
            r"csi:1 ended with status 255; it said: ERROR: .* no cameras available",
        ),
        ("silent", SourceTimeoutError, r"csi:1 gave no picture for 3 s; it said: .*INFO Camera"),
        ("garbage", SourceFormatError, r"rpicam-vid gave \d+ bytes and no JPEG picture within 3 s"),
    ],
)
def test_a_camera_that_gives_no_picture_says_what_the_program_said(program, behaviour, error, message):
    folder = program(behaviour)
    before = open_files()
    with pytest.raises(error, match=message):
        Camera(ADDRESS, open_timeout_seconds=3)
    assert not alive(folder)
    assert len(open_files()) <= len(before) + 1  # what opened once, such as /dev/urandom


@pytest.mark.parametrize(
    ("behaviour", "error", "message"),
    [
        ("dies", SourceError, r"ended with status 255; it said: ERROR: .* failed to start camera"),
        ("stalls", SourceTimeoutError, r"csi:1 gave no picture for 0.5 s"),
    ],
)
def test_what_came_before_a_failure_is_delivered_or_counted(program, behaviour, error, message):
    folder = program(behaviour)
    with Camera(ADDRESS, open_timeout_seconds=20, read_timeout_seconds=0.5) as camera:
        with pytest.raises(error, match=message):
            list(camera)
        assert not alive(folder)
    counts = camera.counts
    assert counts.captured == 5 == counts.delivered + sum(counts.dropped.values())


def test_noise_in_the_pipe_costs_no_picture(program):
    program("soiled")
    source = open_source(ADDRESS, PATIENCE)
    try:
        assert [numbered.number(source.read().image) for _ in range(10)] == list(range(10))
    finally:
        source.close()


def test_a_program_that_says_much_does_not_choke_on_it(program):
    program("chatty")
    source = open_source(ADDRESS, PATIENCE)
    try:
        assert [numbered.number(source.read().image) for _ in range(40)] == list(range(40))
    finally:
        source.close()


def test_a_program_that_will_not_end_is_killed(program):
    folder = program("stubborn")
    with Camera(ADDRESS, open_timeout_seconds=20) as camera:
        next(iter(camera))
    assert not alive(folder)


def test_a_program_killed_by_someone_else_is_named_with_the_signal(program):
    folder = program("good")
    with Camera(ADDRESS, open_timeout_seconds=20) as camera:
        frames = iter(camera)
        next(frames)
        os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
        with pytest.raises(SourceError, match="was ended by signal 9"):
            list(frames)


def test_closing_ends_a_read_that_waits(program):
    program("stalls")
    camera = Camera(ADDRESS, open_timeout_seconds=20, read_timeout_seconds=300)
    while camera.counts.captured < 5:
        time.sleep(0.005)
    camera.close()
    assert not camera._thread.is_alive()
