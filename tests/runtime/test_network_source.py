import logging
import socket
import threading
import time
from base64 import b64encode

import cv2
import numbered
import pytest
from mjpeg_camera import MjpegCamera
from rtsp_camera import RtspCamera

from lepton_edge_runtime.camera import Camera
from lepton_edge_runtime.errors import (
    SourceAuthError,
    SourceError,
    SourceFormatError,
    SourceNotFoundError,
    SourceTimeoutError,
)
from lepton_edge_runtime.sources import Patience, network, open_source

SERVERS = pytest.mark.parametrize("kind", [RtspCamera, MjpegCamera])
# Long enough for a busy machine to send a frame in, short enough to wait for.
PATIENCE = Patience(open_seconds=15.0, read_seconds=1.0)


@pytest.fixture(autouse=True)
def no_thread_left():
    yield
    left = [thread for thread in threading.enumerate() if thread.name.startswith("camera")]
    for thread in left:
        thread.join(1)
    assert not any(thread.is_alive() for thread in left)


@pytest.fixture
def source(request):
    """Return a function that opens a source, closed at the end by the thread of the test, which owns it."""
    opened = []

    def opening(url, patience=PATIENCE):
        opened.append(open_source(url, patience))
        return opened[-1]

    yield opening
    for one in opened:
        one.close()


@pytest.fixture
def camera():
    """Return a function that opens a camera, closed at the end."""
    opened = []

    def opening(url, **times):
        times = {"timeout_seconds": 30, "open_timeout_seconds": 15, "read_timeout_seconds": 1, **times}
        opened.append(Camera(url, **times))
        return opened[-1]

    yield opening
    for one in opened:
        one.close()


def shown(picture):
    return picture.flaw if picture.image is None else numbered.number(picture.image)


def balanced(counts):
    return counts.captured == counts.delivered + counts.waiting + sum(counts.dropped.values())


def until(frames, condition):
    """Take frames until the condition holds; whatever never happens ends with the camera's own time-out."""
    while not condition():
        next(frames)


def count_openings(monkeypatch):
    openings = []
    connect = network.connect
    monkeypatch.setattr(network, "connect", lambda *given: openings.append(time.monotonic()) or connect(*given))
    return openings


@SERVERS
def test_every_frame_of_a_good_stream_arrives_in_order(kind, source):
    with kind() as server:
        stream = source(server.url)
        assert (stream.live, stream.fps) == (True, 25.0)
        assert [shown(stream.read()) for _ in range(60)] == list(range(60))
        assert (stream.reopened, stream.trouble) == (0, None)


@SERVERS
def test_frames_in_are_delivered_or_dropped_for_a_slow_reader(kind, camera):
    with kind() as server:
        opened = camera(server.url)
        for wanted in (5, 10, 15):
            while opened.counts.captured < wanted:
                time.sleep(0.005)
            assert next(iter(opened)).index >= wanted - 1
            assert balanced(opened.counts)
        opened.close()
        assert set(opened.counts.dropped) <= {"superseded", "closed"}
        assert balanced(opened.counts)


@SERVERS
def test_a_stream_that_stalls_is_opened_anew_and_goes_on(kind, camera):
    with kind() as server:
        opened = camera(server.url)
        frames = iter(opened)
        next(frames)
        server.fault = "stall"
        resume = threading.Timer(1.5, setattr, (server, "fault", None))
        resume.start()
        until(frames, lambda: opened.counts.reopened)
        before = server.sent
        assert numbered.number(next(frames).image) >= before - 100  # of now, not from before the stall
        opened.close()
        resume.join()
        assert opened.counts.reopened == 1
        assert balanced(opened.counts)


@SERVERS
def test_a_stall_shorter_than_the_time_out_loses_nothing(kind, source):
    with kind() as server:
        stream = source(server.url, Patience(15, 5))
        first = [shown(stream.read()) for _ in range(5)]
        server.fault = "stall"
        resume = threading.Timer(0.5, setattr, (server, "fault", None))
        resume.start()
        assert first + [shown(stream.read()) for _ in range(45)] == list(range(50))
        assert stream.reopened == 0
        resume.join()


@SERVERS
def test_a_server_that_is_killed_and_comes_back_is_found_again(kind, camera):
    server = kind()
    opened = camera(server.url)
    frames = iter(opened)
    next(frames)
    server.close()
    until_gone = time.monotonic() + 20
    while not isinstance(opened._opened.trouble, SourceNotFoundError):
        assert time.monotonic() < until_gone
        time.sleep(0.01)
    assert "nothing listens at" in str(opened._opened.trouble)
    with kind(port=server.port):
        until(frames, lambda: opened.counts.reopened)
        next(frames)
        opened.close()
    assert opened.counts.reopened == 1
    assert balanced(opened.counts)


def test_a_connection_that_is_reset_is_opened_anew(camera):
    with RtspCamera() as server:
        opened = camera(server.url)
        frames = iter(opened)
        next(frames)
        server.fault = "reset"
        while opened._opened.trouble is None:
            time.sleep(0.005)
        server.fault = None
        until(frames, lambda: opened.counts.reopened)
        opened.close()
        assert balanced(opened.counts)


@SERVERS
def test_garbage_is_counted_and_does_not_end_a_stream(kind, source):
    with kind(fps=50) as server:
        stream = source(server.url)
        for _ in range(5):
            stream.read()
        server.fault = "garbage"
        begin = server.sent
        while server.sent < begin + 10:
            time.sleep(0.005)
        server.fault = None
        seen = [shown(stream.read()) for _ in range(80)]
        assert seen.count("unreadable") in range(8, 20)
        assert isinstance(seen[-1], int)
        assert stream.reopened == 0


def test_garbage_without_end_is_told_and_the_stream_opened_anew(camera):
    with RtspCamera(fps=100) as server:
        opened = camera(server.url, timeout_seconds=4, open_timeout_seconds=2)
        frames = iter(opened)
        next(frames)
        server.fault = "garbage"
        with pytest.raises(SourceError, match=r"no frame for 4 s: rtsp://.* (cannot be decoded|any more|open within)"):
            list(frames)
        server.fault = None
        until(iter(opened), lambda: opened.counts.reopened)
        opened.close()
        assert balanced(opened.counts)


def test_a_frame_that_was_cut_short_is_given_for_there_is_no_telling(source):
    with RtspCamera() as server:
        server.fault = "truncated"
        stream = source(server.url)
        assert stream.read().image.shape == (240, 320, 3)


@pytest.fixture(scope="session")
def film(tmp_path_factory):
    """A film in MPEG-4, whose decoder holds frames back, as an MPEG transport stream: 100 frames."""
    path = tmp_path_factory.mktemp("film") / "film.ts"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25, (numbered.WIDTH, numbered.HEIGHT))
    for i in range(100):
        writer.write(numbered.picture(i))
    writer.release()
    return path.read_bytes()


def test_an_old_frame_after_a_freeze_is_dropped_as_stale(film, source):
    with MjpegCamera(film=film[: len(film) // 2], endless=True) as server:
        stream = source(server.url)
        pictures = []
        while "stale" not in pictures:
            pictures.append(shown(stream.read()))
    numbers = pictures[:-1]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 20


def test_a_video_file_behind_http_ends_where_it_ends(video, source):
    with MjpegCamera(film=video.read_bytes()) as server:
        stream = source(server.url)
        assert not stream.live
        positions = []
        while (picture := stream.read()) is not None:
            positions.append(picture.position_seconds)
    assert positions == pytest.approx([i / 10 for i in range(40)])


@SERVERS
def test_a_server_that_never_answers_is_a_time_out(kind):
    with kind() as server:
        server.silent = True
        with pytest.raises(SourceTimeoutError, match=r"did not open within 0.5 s"):
            Camera(server.url, open_timeout_seconds=0.5)


def test_a_server_that_describes_a_stream_and_sends_none_is_a_time_out():
    with RtspCamera() as server:
        server.fault = "stall"
        with pytest.raises(SourceTimeoutError, match=r"did not open within 0.5 s"):
            Camera(server.url, open_timeout_seconds=0.5)


def test_a_slow_answer_within_the_time_is_waited_for(camera):
    with RtspCamera() as server:
        server.describe_seconds = 1.0
        assert next(iter(camera(server.url))).image is not None


def test_a_slow_answer_beyond_the_time_is_a_time_out():
    with RtspCamera() as server:
        server.describe_seconds = 30
        with pytest.raises(SourceTimeoutError, match=r"did not open within 0.5 s"):
            Camera(server.url, open_timeout_seconds=0.5)


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "http", "https"])
def test_where_nothing_listens_there_is_no_source(scheme):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(SourceNotFoundError, match=rf"listens at {scheme}://127.0.0.1:{port}/x: Connection ref"):
        Camera(f"{scheme}://127.0.0.1:{port}/x")


@SERVERS
def test_a_wrong_path_is_told_from_a_server_that_is_not_there(kind):
    with (
        kind() as server,
        pytest.raises(SourceNotFoundError, match=r"has no stream .*/nothing \(404\); check the path"),
    ):
        Camera(f"{server.url}/nothing")


def password(kind):
    return b64encode(b"user:hunter2").decode() if kind is RtspCamera else "user:hunter2"


@SERVERS
def test_a_server_that_wants_a_password_says_so(kind, camera):
    with kind(password=password(kind)) as server:
        with pytest.raises(SourceAuthError, match=r"wants a user and password \(401\): \w+://USER:PASSWORD@"):
            Camera(server.url)
        with pytest.raises(SourceAuthError, match=r"\*\*\*@127.* did not take the user and password of its address"):
            Camera(server.url.replace("://", "://user:hunter3@"))
        right = camera(server.url.replace("://", "://user:hunter2@"))
        assert numbered.number(next(iter(right)).image) >= 0


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (b"SSH-2.0-Something\r\n", SourceFormatError, r"does not answer as RTSP does; check the port"),
        (b"RTSP/1.0 500 Internal Error\r\n\r\n", SourceError, r"answers with status 500 instead of a stream"),
        (
            b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 0\r\n\r\n",
            SourceFormatError,
            r"nothing that OpenCV can",
        ),
        (b"", SourceFormatError, r"does not answer as RTSP does"),
    ],
)
def test_what_listens_and_is_no_camera_is_said_to_be_none(answer, error, message):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stop = threading.Event()

        def serve():
            while not stop.is_set():
                connection = listening.accept()[0]
                with connection:
                    if not stop.is_set():
                        connection.recv(1000)
                        connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        port = listening.getsockname()[1]
        with pytest.raises(error, match=message):
            Camera(f"rtsp://127.0.0.1:{port}/x")
        stop.set()
        socket.create_connection(("127.0.0.1", port)).close()
        thread.join()


def test_a_url_with_tls_where_there_is_none_says_what_to_check():
    with (
        MjpegCamera() as server,
        pytest.raises(SourceError, match=r"is there, and cannot be opened: check its"),
    ):
        Camera(server.url.replace("http:", "https:"))


def test_the_pauses_between_tries_grow(monkeypatch):
    pauses = network._pauses()
    seen = [next(pauses) for _ in range(12)]
    assert seen[0] == 0
    for i, pause in enumerate(seen[1:]):
        assert 0.75 <= pause / min(0.5 * 2**i, 8) <= 1.25  # the jitter, a quarter to each side


def test_a_stream_that_never_holds_is_not_opened_in_a_tight_loop(monkeypatch, source):
    openings = count_openings(monkeypatch)
    with MjpegCamera(film=numbered.jpeg(3)) as server:  # one picture, then the end, like a snapshot's address
        stream = source(server.url)
        seen = [shown(stream.read()) for _ in range(3)]
    assert seen == [3, 3, 3]
    assert len(openings) == 3
    assert openings[2] - openings[1] >= 0.3  # the second reopening waits, the first does not


def test_after_the_time_out_the_error_is_of_the_kind_of_the_trouble(camera):
    server = RtspCamera()
    opened = camera(server.url, timeout_seconds=2)
    frames = iter(opened)
    next(frames)
    server.close()
    with pytest.raises(SourceNotFoundError, match=r"no frame for 2 s: nothing listens at rtsp://127"):
        list(frames)


class Watched:
    """OpenCV's capture, noting which thread calls it; around it, since its types are not made to be subclassed."""

    calls = []  # noqa: RUF012 - one list for all, emptied by the test
    read_since = float("inf")
    original = cv2.VideoCapture

    def __init__(self, *given):
        self.capture = self.original(*given)
        self.calls.append(("open", threading.get_ident()))

    def __getattr__(self, name):
        return getattr(self.capture, name)

    def read(self):
        Watched.read_since = time.monotonic()
        answer = self.capture.read()
        Watched.read_since = float("inf")
        return answer

    def release(self):
        self.calls.append(("release", threading.get_ident()))
        self.capture.release()


def test_closing_during_a_blocked_read_waits_for_it_and_releases_in_the_owning_thread(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Watched)
    Watched.calls.clear()
    with RtspCamera() as server:
        opened = Camera(server.url, open_timeout_seconds=20, read_timeout_seconds=2)
        server.fault = "stall"
        while time.monotonic() < Watched.read_since + 0.2:  # longer than any frame of a stream that flows
            time.sleep(0.005)
        opened.close()
        assert not opened._thread.is_alive()
    assert {name for name, _ in Watched.calls} == {"open", "release"}
    assert {thread for _, thread in Watched.calls} == {opened._thread.ident}


def test_closing_during_a_pause_does_not_wait_for_its_end(camera, monkeypatch):
    monkeypatch.setattr(network, "_pauses", lambda: iter([3600.0]))
    server = RtspCamera()
    opened = camera(server.url)
    next(iter(opened))
    server.close()
    while opened._opened.trouble is None:
        time.sleep(0.005)
    opened.close()
    assert not opened._thread.is_alive()


@pytest.mark.parametrize("way", ["good", "stall", "killed", "refused", "silent", "missing", "unauthorized"])
@SERVERS
def test_no_password_gets_out(kind, way, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    said = []
    server = kind(password=password(kind) if way != "unauthorized" else "other")
    address = server.url.replace("://", "://user:hunter2@") + ("/missing" if way == "missing" else "")
    server.silent = way == "silent"
    if way == "refused":
        server.close()
    try:
        with Camera(address, timeout_seconds=1.2, open_timeout_seconds=1.1, read_timeout_seconds=0.3) as opened:
            said += [
                repr(opened.source),
                f"{opened.source}",
                str(opened.counts),
                repr(opened.counts),
                repr(vars(opened)),
            ]
            said += [thread.name for thread in threading.enumerate()]
            frames = iter(opened)
            said.append(str(next(frames)))
            if way == "killed":
                server.close()
            server.fault = "stall"
            for _ in range(1000):
                next(frames)
    except SourceError as error:
        said += [str(error), repr(error)]
    finally:
        if way not in {"refused", "killed"}:
            server.close()
    out, err = capfd.readouterr()
    assert any("***@127.0.0.1" in words for words in said)
    assert "hunter2" not in "\n".join([*said, caplog.text, out, err])
    assert b64encode(b"user:hunter2").decode() not in "\n".join([*said, caplog.text, out, err])
