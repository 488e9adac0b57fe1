import struct
import threading
import time
import zlib

import numpy as np
import pytest

from lepton_edge_runtime import camera as camera_module
from lepton_edge_runtime.camera import Camera, Counts
from lepton_edge_runtime.errors import (
    InputError,
    SourceError,
    SourceFormatError,
    SourceNotFoundError,
    SourceTimeoutError,
)
from lepton_edge_runtime.images import read_image
from lepton_edge_runtime.recorder import Recorder
from lepton_edge_runtime.sources import Picture


class FakeDevice:
    """Hardware is what a test may fake: gives numbered pictures when told to."""

    live = True
    fps = 30.0
    reopened = 0
    trouble = None

    def __init__(self):
        self.wanted = threading.Semaphore(0)
        self.given = 0
        self.threads = set()
        self.ended = False
        self.closes = 0
        self.error = None

    def read(self):
        self.threads.add(threading.get_ident())
        self.wanted.acquire()
        if self.error:
            raise self.error
        if self.ended:
            return None
        self.given += 1
        return Picture(np.full((2, 2, 3), self.given % 256, np.uint8), 0.0)

    def stop(self):
        self.ended = True
        self.wanted.release()

    def close(self):
        self.threads.add(threading.get_ident())
        self.closes += 1


@pytest.fixture
def device(monkeypatch):
    fake = FakeDevice()
    monkeypatch.setattr(camera_module, "open_source", lambda address, patience: fake)
    yield fake
    fake.ended = True
    fake.wanted.release(1000)


def wait_for(condition):
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.001)


def balanced(counts):
    return counts.captured == counts.delivered + counts.waiting + sum(counts.dropped.values())


def test_a_video_gives_every_frame(video):
    with Camera(video) as camera:
        frames = list(camera)
        assert [frame.index for frame in frames] == list(range(40))
        assert frames[10].position_seconds == pytest.approx(1.0)
        assert frames[0].image.shape == (96, 96, 3)
    counts = camera.counts
    assert (counts.captured, counts.delivered, dict(counts.dropped)) == (40, 40, {})


def test_a_slow_reader_of_a_video_misses_nothing(video):
    with Camera(video) as camera:
        seen = 0
        for _ in camera:
            seen += 1
            if seen < 5:
                time.sleep(0.02)
            assert camera.counts.waiting <= 2
            assert balanced(camera.counts)
    assert seen == 40


def test_a_broken_picture_in_a_folder_is_counted(folder):
    with Camera(folder) as camera:
        names = [frame.name for frame in camera]
    assert names == [f"{i}.png" for i in range(8) if i != 3]
    assert dict(camera.counts.dropped) == {"unreadable": 1}
    assert balanced(camera.counts)


@pytest.mark.parametrize("suffix", [".avi", ".mp4"])
def test_a_video_that_is_cut_off_counts_what_it_declares(video, tmp_path, caplog, suffix):
    whole = video if suffix == ".avi" else rewrapped(video, tmp_path / "whole.mp4")
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with Camera(cut) as camera:
        seen = len(list(camera))
    assert 5 < seen < 35
    assert (camera.counts.captured, dict(camera.counts.dropped)) == (40, {"unreadable": 40 - seen})
    assert balanced(camera.counts)
    assert f"{cut}: {40 - seen} of its 40 frames cannot be read" in caplog.text


def rewrapped(video, path):
    """An MP4 of the same frames whose index comes first, as for streaming: it can be opened when it is cut off."""
    with Recorder(path, fps=10) as recorder:
        for frame in Camera(video):
            recorder.write(frame.image)
    content = path.read_bytes()
    boxes, at = {}, 0
    while at < len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        boxes[kind] = content[at : at + size]
        at += size
    index = bytearray(boxes[b"moov"])
    table = index.index(b"stco") + 4  # version and flags, how many, then where each piece of the video begins
    (count,) = struct.unpack_from(">I", index, table + 4)
    for i in range(count):
        place = table + 8 + 4 * i
        struct.pack_into(">I", index, place, struct.unpack_from(">I", index, place)[0] + len(index))
    boxes[b"moov"] = bytes(index)
    path.write_bytes(b"".join(boxes[kind] for kind in sorted(boxes, key=order)))
    return path


def order(kind):
    return [b"ftyp", b"moov", b"free", b"mdat"].index(kind)


def test_a_picture_too_large_to_decode_is_unreadable_and_no_more(folder):
    # 60,000 × 60,000 as a PNG's header says: more than OpenCV allows. The pictures after it are still given.
    parts = {b"IHDR": struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0), b"IDAT": zlib.compress(bytes(9))}
    chunks = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in [*parts.items(), (b"IEND", b"")]
    ]
    (folder / "3.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    with pytest.raises(InputError, match=r"3.png is no picture that OpenCV can read"):
        read_image(folder / "3.png")
    with Camera(folder) as camera:
        assert [frame.name for frame in camera] == [f"{i}.png" for i in range(8) if i != 3]
    assert dict(camera.counts.dropped) == {"unreadable": 1}


def test_one_picture_is_a_source(folder):
    with Camera(folder / "0.png") as camera:
        assert len(list(camera)) == 1


def test_leaving_early_counts_what_was_read_ahead(video):
    with Camera(video) as camera:
        next(iter(camera))
        wait_for(lambda: camera.counts.waiting == 2)
    counts = camera.counts
    assert (counts.captured, counts.delivered, dict(counts.dropped), counts.waiting) == (3, 1, {"closed": 2}, 0)


def test_a_live_source_gives_its_latest_frame(device):
    with Camera(0) as camera:
        device.wanted.release(5)
        wait_for(lambda: camera.counts.captured == 5)
        frame = next(iter(camera))
        assert (frame.index, int(frame.image[0, 0, 0])) == (4, 5)
        assert dict(camera.counts.dropped) == {"superseded": 4}
        assert balanced(camera.counts)


def test_one_thread_owns_the_handle_from_the_first_read_to_the_close(device):
    with Camera(0) as camera:
        device.wanted.release(2)
        next(iter(camera))
        assert device.closes == 0
        device.wanted.release()
    wait_for(lambda: device.closes == 1)
    assert len(device.threads) == 1
    assert threading.get_ident() not in device.threads


def test_a_source_that_fails_is_closed(device):
    with Camera(0):
        device.error = SourceError("unplugged")
        device.wanted.release()
        wait_for(lambda: device.closes == 1)


def test_a_silent_live_source_times_out(device):
    with (
        Camera(0, timeout_seconds=0.05) as camera,
        pytest.raises(SourceTimeoutError, match=r"gave no frame for 0.05 s"),
    ):
        next(iter(camera))


def test_a_failing_source_tells_whoever_iterates_after_its_last_frame(device):
    with Camera(0) as camera:
        device.wanted.release(1)
        wait_for(lambda: camera.counts.captured == 1)
        device.error = SourceError("unplugged")
        device.wanted.release(1)
        frames = iter(camera)
        next(frames)
        with pytest.raises(SourceError, match="unplugged"):
            next(frames)
    assert balanced(camera.counts)


def test_a_silent_source_that_knows_its_trouble_says_it(device):
    device.trouble = SourceNotFoundError("nothing listens at rtsp://***@host/1")
    with (
        Camera(0, timeout_seconds=0.05) as camera,
        pytest.raises(SourceNotFoundError, match=r"no frame for 0.05 s: nothing listens at rtsp://\*\*\*@host/1"),
    ):
        next(iter(camera))


def test_a_camera_that_was_silent_can_be_asked_again(device):
    with Camera(0, timeout_seconds=0.05) as camera:
        with pytest.raises(SourceTimeoutError):
            next(iter(camera))
        device.wanted.release(1)
        wait_for(lambda: camera.counts.captured == 1)
        assert next(iter(camera)).index == 0


def test_a_picture_that_is_passed_over_is_counted_by_its_flaw(device, monkeypatch):
    read = device.read
    flaws = iter(["stale", "unreadable", "stale"])

    def flawed():
        picture = read()
        flaw = next(flaws, None)
        return Picture(None, 0.0, flaw=flaw) if picture and flaw else picture

    monkeypatch.setattr(device, "read", flawed)
    with Camera(0) as camera:
        device.wanted.release(4)
        assert next(iter(camera)).index == 3
        assert dict(camera.counts.dropped) == {"stale": 2, "unreadable": 1}
        assert balanced(camera.counts)


def test_closing_stops_a_read_under_way(device):
    camera = Camera(0)
    camera.close()
    assert not camera._thread.is_alive()


def test_a_second_close_does_not_wait_as_a_second_ctrl_c_would_not(device, monkeypatch):
    monkeypatch.setattr(device, "stop", lambda: None)  # held by its driver
    camera = Camera(0)
    first = threading.Thread(target=camera.close)
    first.start()
    wait_for(lambda: camera._closed)
    camera.close()
    assert first.is_alive()
    assert camera._thread.is_alive()
    device.closed = True
    device.wanted.release()
    first.join()
    assert not camera._thread.is_alive()


def test_counts_say_in_words_where_frames_went():
    counts = Counts(9, 5, 1, {"superseded": 3}, 1)
    assert str(counts) == "9 frames in = 5 delivered + 1 waiting + dropped: 3 superseded; reopened once"
    assert str(Counts(reopened=2)) == "0 frames in = 0 delivered + dropped: none; reopened 2 times"


@pytest.mark.parametrize("name", ["timeout_seconds", "open_timeout_seconds", "read_timeout_seconds"])
def test_a_time_that_is_not_positive_is_refused(name):
    with pytest.raises(ValueError, match="a time-out is more than 0 seconds"):
        Camera(0, **{name: 0})


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("none.mp4", SourceNotFoundError, "there is no file or folder none.mp4"),
        ("srt://user:secret@host/1", SourceNotFoundError, r"a source is .*; srt://\*\*\*@host/1 is none of them"),
        (93, SourceNotFoundError, "there is no camera 93"),
        ("93", SourceNotFoundError, "there is no camera 93"),
    ],
)
def test_a_source_that_is_not_there_is_named(source, error, message):
    with pytest.raises(error, match=message) as raised:
        Camera(source)
    assert "secret" not in str(raised.value)


def test_a_text_file_and_an_empty_folder_are_no_sources(tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("hello")
    with pytest.raises(SourceFormatError, match="is no video that OpenCV can read"):
        Camera(text)
    with pytest.raises(SourceFormatError, match="holds no pictures"):
        Camera(_empty(tmp_path))


def _empty(tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def test_closing_twice_and_iterating_a_closed_camera_is_harmless(video):
    camera = Camera(video)
    camera.close()
    camera.close()
    assert list(camera) == []
