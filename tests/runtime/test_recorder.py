"""Videos: whole or not at all, no frame of a file lost, no frame of a camera waited for."""

import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import lepton_edge as le
from lepton_edge_runtime import recorder as recorder_module
from lepton_edge_runtime.errors import SinkError
from lepton_edge_runtime.recorder import Recorder


def test_a_recording_can_be_read_back(tmp_path, frame):
    with Recorder(tmp_path / "film.avi", fps=5) as recorder:
        for _ in range(3):
            recorder.write(frame)
        assert not (tmp_path / "film.avi").exists()
    with le.Camera(tmp_path / "film.avi") as camera:
        frames = list(camera)
    assert len(frames) == 3
    assert np.abs(frames[0].image.astype(int) - frame).mean() < 25
    assert [path.name for path in tmp_path.iterdir()] == ["film.avi"]


@pytest.mark.parametrize("name", ["film.txt", "nowhere/film.mp4"])
def test_where_no_video_can_go_is_said_at_once(tmp_path, name):
    with pytest.raises(SinkError, match="a video ends in|there is no folder"):
        Recorder(tmp_path / name, fps=5)


@pytest.mark.parametrize("name", ["/proc/film.avi", "TAKEN"])
def test_a_video_that_cannot_be_written_is_a_plain_error(tmp_path, frame, name):
    (tmp_path / "film.avi").mkdir()
    recorder = Recorder(tmp_path / "film.avi" if name == "TAKEN" else name, fps=5)
    with pytest.raises(SinkError, match="cannot write the video .*film.avi"), recorder:
        recorder.write(frame)
    recorder.close()  # once more is harmless
    assert [path.name for path in tmp_path.iterdir()] == ["film.avi"]


def levels_of(path):
    with le.Camera(path) as camera:
        return [int(frame.image.mean() / 40 + 0.5) for frame in camera]


def test_frames_that_come_late_are_shown_until_the_next_one_does(tmp_path):
    with Recorder(tmp_path / "film.avi", fps=10) as recorder:
        for level, at in ((1, 100.0), (2, 100.1), (3, 100.5), (4, 100.58), (5, 100.61)):
            recorder.write(np.full((32, 32, 3), 40 * level, np.uint8), at_seconds=at)
    assert recorder.frames == 7
    # A tenth of a second each; the fifth comes within the tenth that the fourth already has.
    assert levels_of(tmp_path / "film.avi") == [1, 2, 2, 2, 2, 3, 4]


class Slow:
    """Holds what writes a video until it may go on."""

    def __init__(self, monkeypatch):
        self.go = threading.Event()
        append = Recorder._append

        def later(recorder, image):
            assert self.go.wait(30)
            append(recorder, image)

        monkeypatch.setattr(Recorder, "_append", later)


@pytest.fixture
def slow(monkeypatch):
    held = Slow(monkeypatch)
    yield held
    held.go.set()


def gray(level):
    return np.full((32, 32, 3), level, np.uint8)


def test_a_film_of_a_file_has_every_frame_however_slowly_it_is_written(slow, tmp_path):
    with Recorder(tmp_path / "film.avi", fps=10) as recorder:

        def write():
            for i in range(20):
                recorder.write(gray(40 * (i % 6)))

        writing = threading.Thread(target=write)
        writing.start()
        writing.join(0.2)
        assert writing.is_alive(), "few frames wait, and the others are not taken before there is room"
        slow.go.set()
        writing.join(30)
    assert (recorder.frames, recorder.dropped) == (20, 0)
    assert levels_of(tmp_path / "film.avi") == [i % 6 for i in range(20)]


def test_a_camera_is_never_waited_for_and_what_is_left_out_is_counted(slow, tmp_path):
    with Recorder(tmp_path / "film.avi", fps=10) as recorder:
        for i in range(20):
            recorder.write(gray(40 * (i % 6)), at_seconds=i / 10, wait=False)
        assert 14 <= recorder.dropped <= 16, "four wait, and one more if it was taken at once"
        slow.go.set()
    # The others are there, each at its time.
    assert recorder.frames == 20 - recorder.dropped
    assert levels_of(tmp_path / "film.avi") == [i % 6 for i in range(recorder.frames)]


def write_on(recorder):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        recorder.write(gray(80))


def test_a_full_disk_is_told_to_whoever_writes_and_the_film_is_whole_up_to_there(tmp_path, monkeypatch):
    left = iter([1 << 40] * 3)
    monkeypatch.setattr(recorder_module, "_free_bytes", lambda folder: next(left, 1000))
    recorder = Recorder(tmp_path / "film.mp4", fps=10)
    recorder.write(gray(80))
    with pytest.raises(SinkError, match="the disk is full: .*film.mp4 ends after 3 frames"):
        write_on(recorder)
    with pytest.raises(SinkError, match="the disk is full"):
        recorder.write(gray(80))
    recorder.close()  # once more is harmless
    assert levels_of(tmp_path / "film.mp4") == [2] * 3
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".mkv"])
def test_a_film_that_the_disk_cut_off_is_no_film(tmp_path, suffix):
    # OpenCV itself ends without an error, and leaves a file that has no frames or cannot be opened.
    film = tmp_path / f"film{suffix}"
    code = f"""
import resource, numpy as np
from lepton_edge_runtime.recorder import Recorder
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
rng = np.random.default_rng(0)
with Recorder({str(film)!r}, fps=10) as recorder:
    for _ in range(60):
        recorder.write(rng.integers(0, 256, (144, 192, 3), dtype=np.uint8))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        f"SinkError: cannot write the video {film}: what was written cannot be read; is the disk full?" in done.stderr
    )
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_the_film_is_finished_acts_once_it_is_whole(tmp_path, slow):
    recorder = Recorder(tmp_path / "film.mp4", fps=10)
    for _ in range(4):
        recorder.write(gray(80))
    pressing = threading.Timer(0.2, lambda: (signal.raise_signal(signal.SIGINT), slow.go.set()))
    pressing.start()
    with pytest.raises(KeyboardInterrupt):
        recorder.close()
    pressing.join()
    assert levels_of(tmp_path / "film.mp4") == [2] * 4


def test_ctrl_c_at_any_moment_leaves_a_film_that_can_be_finished(tmp_path, monkeypatch):
    def interrupt(number, frame):
        raise KeyboardInterrupt

    monkeypatch.setattr(Recorder, "_append", lambda recorder, image: setattr(recorder, "frames", recorder.frames + 1))
    monkeypatch.setattr(Recorder, "_finish", lambda recorder: None)
    monkeypatch.setattr(Recorder, "_open", lambda recorder, image: None)
    before = signal.signal(signal.SIGALRM, interrupt)
    image = gray(0)
    try:
        for i in range(300):
            recorder = Recorder(tmp_path / "film.avi", fps=10)
            try:
                recorder.write(image)
                signal.setitimer(signal.ITIMER_REAL, 0.0005 + i * 0.00001)
                while True:
                    recorder.write(image)
            except KeyboardInterrupt:
                thread = recorder._thread
            closing = threading.Thread(target=recorder.close, daemon=True)
            closing.start()
            closing.join(30)
            assert not closing.is_alive()
            assert not thread.is_alive()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_without_a_frame_there_is_no_film(tmp_path):
    with Recorder(tmp_path / "film.mp4", fps=10):
        pass
    assert list(tmp_path.iterdir()) == []
