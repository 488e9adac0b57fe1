"""A camera on the network: RTSP, or MJPEG and the like over HTTP, through OpenCV's FFmpeg.

What OpenCV leaves to its caller, and this source takes care of:

- A read that timed out never recovers: the capture is released and opened anew, by the thread that owns it.
- The first read after a freeze may give an old frame as a good one: a read that took as long as the time-out
  is a time-out whatever it returned, and its frame counts as ``stale``.
- A ``False`` may be one frame that cannot be decoded, or the end of the connection: a few are waited out.
- ``isOpened()`` stays true after all of these, and is not asked.

A frame of which a part was lost comes as a good one with a smeared picture; there is no telling.
FFmpeg asks for TCP. Its other options can only be set for the whole process, by its user
(``OPENCV_FFMPEG_CAPTURE_OPTIONS``), so they are left alone.
"""

import logging
import random
import time
from collections import deque
from collections.abc import Iterator
from threading import Event
from typing import Any, cast

from lepton_edge_runtime.errors import SourceError, SourceFormatError, SourceTimeoutError
from lepton_edge_runtime.images import opencv
from lepton_edge_runtime.sources import Patience, Picture, Source
from lepton_edge_runtime.sources.address import Address
from lepton_edge_runtime.sources.diagnosis import diagnose
from lepton_edge_runtime.urls import Url

log = logging.getLogger(__name__)

# A second or so of broken frames at the usual rates; a dead connection fails this often within a millisecond.
_FAILURES_IN_A_ROW = 30
_AT_ONCE_SECONDS = 0.1
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 8.0
# A stream that held for so long was really back: the next loss is mended at once again.
_STEADY_SECONDS = 5.0
# Streams that name no rate come as their clock's, 90,000 a second.
_HIGHEST_FPS = 1000.0


class NetworkSource:
    """A stream, reopened when it is lost; a video file behind ``http://`` ends where it ends.

    Args:
        url: Where it is.
        patience: With each try to open and each read.
        capture: Opened by this thread.
    """

    def __init__(self, url: Url, patience: Patience, capture: Any) -> None:
        cv2 = opencv()
        self.reopened = 0
        self.trouble: SourceError | None = None
        # A length is known of files only; for streams FFmpeg has none, and OpenCV makes a negative number of it.
        self.live = float(capture.get(cv2.CAP_PROP_FRAME_COUNT)) <= 0
        fps = float(capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps if 0 < fps <= _HIGHEST_FPS else 0.0
        self._url = url
        self._patience = patience
        self._capture = capture
        self._stopped = Event()
        self._begin = self._connected = time.monotonic()
        self._pauses = _pauses()
        self._failures = 0
        self._failing_since = 0.0
        self._frames = 0
        self._lost = False
        self._ready: deque[Picture] = deque()

    def read(self) -> Picture | None:
        """Return the next picture; reopen the stream for as long as that takes, or until it is stopped."""
        while not self._stopped.is_set():
            if self._ready:
                return self._ready.popleft()
            if not self._advance():
                return None
        return None

    def stop(self) -> None:
        """End a pause between two tries; a read or an opening under way ends with its time-out."""
        self._stopped.set()

    def close(self) -> None:
        """Let go of the connection."""
        self._release()

    def _advance(self) -> bool:
        """Read once, and deal with what came of it; return whether there is more to come."""
        if self._capture is None:
            self._reopen()
            return True
        asked = time.monotonic()
        good, image = self._capture.read()
        now = time.monotonic()
        if now - asked >= self._patience.read_seconds:
            if good:
                self._ready.append(Picture(None, self._position(), flaw="stale"))
            self._lose(SourceTimeoutError(f"{self._url} gave no frame for {self._patience.read_seconds:g} s"))
            return True
        if good:
            self._accept(image, now)
            return True
        if not self.live:
            return False
        if not self._failures:
            self._failing_since = asked
        self._failures += 1
        if self._failures >= _FAILURES_IN_A_ROW:
            if now - self._failing_since < _AT_ONCE_SECONDS:
                self._lose(SourceTimeoutError(f"{self._url} gives no frames any more"))
            else:
                self._lose(SourceFormatError(f"{self._url} gives only frames that cannot be decoded"))
        return True

    def _accept(self, image: Any, now: float) -> None:
        # What failed before was broken frames of a stream that lives: they are counted where they stood.
        self._ready.extend(Picture(None, self._position()) for _ in range(self._failures))
        self._ready.append(Picture(image, self._position()))
        self._failures = 0
        self._frames += 1
        self.trouble = None
        if self._lost:
            self._lost = False
            self.reopened += 1
            log.warning("%s is back", self._url)
        if now - self._connected >= _STEADY_SECONDS:
            self._pauses = _pauses()

    def _position(self) -> float:
        if self.live or not self.fps:
            return time.monotonic() - self._begin
        return self._frames / self.fps

    def _lose(self, trouble: SourceError) -> None:
        if not self.live:
            raise trouble
        self.trouble = trouble
        if not self._stopped.is_set():
            log.warning("%s; reopening it", trouble)
        self._lost = True
        self._failures = 0
        self._release()

    def _release(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _reopen(self) -> None:
        if self._stopped.wait(next(self._pauses)):
            return
        try:
            self._capture = connect(self._url, self._patience)
        except SourceError as error:
            self.trouble = error
            log.info("%s", error)
            return
        self._connected = time.monotonic()


def open_source(address: Address, patience: Patience) -> Source:
    """Open a stream, trying once.

    Raises:
        SourceNotFoundError: Nothing listens there, or there is no such stream.
        SourceAuthError: It wants another user or password.
        SourceTimeoutError: It did not answer in time.
        SourceError: It answers, and what it gives cannot be opened.
    """
    url = cast("Url", address)
    return NetworkSource(url, patience, connect(url, patience))


def connect(url: Url, patience: Patience) -> Any:
    """Return a capture that has read the stream's beginning, or raise SourceError that says why there is none."""
    cv2 = opencv()
    if not cv2.videoio_registry.hasBackend(cv2.CAP_FFMPEG):
        raise SourceError(f"this OpenCV ({cv2.__version__}) was built without FFmpeg, and cannot open {url}")
    begin = time.monotonic()
    limits = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _milliseconds(patience.open_seconds),
        cv2.CAP_PROP_READ_TIMEOUT_MSEC, _milliseconds(patience.read_seconds),
    ]  # fmt: skip
    capture = cv2.VideoCapture(url.reveal(), cv2.CAP_FFMPEG, limits)
    left = patience.open_seconds - (time.monotonic() - begin)
    # A time-out while the stream was being probed leaves a capture that says it is open, and never gives a frame.
    if capture.isOpened() and left > 0:
        return capture
    capture.release()
    if left <= 0:
        raise SourceTimeoutError(f"{url} did not open within {patience.open_seconds:g} s")
    raise diagnose(url, left)


def _milliseconds(seconds: float) -> int:
    # 0 would mean: wait for ever.
    return max(1, int(seconds * 1000))


def _pauses() -> Iterator[float]:
    """Yield how long to wait before each try: not at all, then longer and longer, never two cameras in step."""
    yield 0.0
    pause = _FIRST_PAUSE_SECONDS
    while True:
        yield pause * random.uniform(0.75, 1.25)  # noqa: S311 - spreads load, guards nothing
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
