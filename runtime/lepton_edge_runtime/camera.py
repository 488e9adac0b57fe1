"""A camera, video or folder as frames: one thread owns it, and every frame is accounted for."""

import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Thread

from lepton_edge_runtime.closing import Closing
from lepton_edge_runtime.errors import SourceTimeoutError
from lepton_edge_runtime.frame import Frame
from lepton_edge_runtime.sources import Source, open_source

log = logging.getLogger(__name__)

# A file is read at most this far ahead: decoding overlaps with inference, and memory stays flat.
_READ_AHEAD_FRAMES = 2


@dataclass(frozen=True, slots=True)
class Counts:
    """Where the frames of a camera went: ``captured == delivered + waiting + sum(dropped.values())``.

    Attributes:
        captured: Frames that the source gave.
        delivered: Frames handed to whoever iterates, without those taken back.
        waiting: Frames captured and not yet handed over; 0 once the camera is closed.
        dropped: By reason: ``superseded`` by a newer live frame, ``unreadable``, left over when ``closed``;
            and what a model's stream took and did not answer, since it ``failed`` or was ``interrupted``.
    """

    captured: int = 0
    delivered: int = 0
    waiting: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        dropped = ", ".join(f"{count} {reason}" for reason, count in self.dropped.items()) or "none"
        waiting = f" + {self.waiting} waiting" if self.waiting else ""
        return f"{self.captured} frames in = {self.delivered} delivered{waiting} + dropped: {dropped}"


class Camera(Closing):
    """Frames of a source, in order. A live one gives its latest frame, a file or folder every one.

    Opening is done at once, by the thread that will own the handle. Iterate from one thread.

    Args:
        source: A camera's number, a video file, a folder of pictures, or one picture.
        timeout_seconds: How long to wait for the source to open, and for each frame of a live one.

    Raises:
        SourceError: The source is not there, or cannot be read.

    Example:
        >>> with Camera("street.mp4") as camera:      # doctest: +SKIP
        ...     for frame in camera:
        ...         print(frame.index, frame.image.shape)
    """

    def __init__(self, source: int | str | Path, *, timeout_seconds: float = 10.0) -> None:
        self.source = source
        self.live = False
        self.fps = 0.0
        self._timeout = timeout_seconds
        self._frames: deque[Frame] = deque()
        self._changed = Condition()
        self._captured = self._delivered = 0
        self._dropped: dict[str, int] = {}
        self._opened = self._ended = self._closed = False
        self._error: BaseException | None = None
        self._thread = Thread(target=self._capture, name=f"camera {source}", daemon=True)
        self._thread.start()
        self._wait_until_opened()

    @property
    def counts(self) -> Counts:
        """Where the frames went so far."""
        with self._changed:
            return Counts(self._captured, self._delivered, len(self._frames), dict(self._dropped))

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames until the source ends or the camera is closed.

        Raises:
            SourceError: The source failed; frames captured before are yielded first.
            SourceTimeoutError: A live source gave nothing for ``timeout_seconds``.
        """
        while (frame := self._next()) is not None:
            yield frame

    def take_back(self, reason: str) -> None:
        """Count a frame that was delivered as dropped: whoever took it made nothing of it."""
        with self._changed:
            self._delivered -= 1
            self._drop(reason, 1)

    def close(self) -> None:
        """Stop the capture thread, and count what it had left as dropped."""
        with self._changed:
            self._closed = True
            self._drop("closed", len(self._frames))
            self._frames.clear()
            self._changed.notify_all()
        # A driver can hold a read for seconds; the thread then lets go of the handle by itself.
        self._thread.join(timeout=2.0)

    def _next(self) -> Frame | None:
        deadline = time.monotonic() + self._timeout
        with self._changed:
            while not self._frames:
                if self._closed:
                    return None
                if self._ended:
                    if self._error is not None:
                        raise self._error
                    return None
                # A file may decode for as long as it needs; a live source that is silent is broken.
                left = deadline - time.monotonic() if self.live else None
                if left is not None and left <= 0:
                    raise SourceTimeoutError(f"{self.source} gave no frame for {self._timeout:g} s")
                self._changed.wait(left)
            frame = self._frames.popleft()
            self._delivered += 1
            self._changed.notify_all()
            return frame

    def _wait_until_opened(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._opened or self._ended, self._timeout)
            if self._opened:
                return  # what has failed since is told after the frames before it
            if self._error is not None:
                raise self._error
            self._closed = True
            raise SourceTimeoutError(f"{self.source} did not open within {self._timeout:g} s")

    def _capture(self) -> None:
        """Own the source from opening to closing; runs in its own thread."""
        source: Source | None = None
        try:
            source = open_source(self.source)
            with self._changed:
                self.live, self.fps = source.live, source.fps
                self._opened = True
                self._changed.notify_all()
            self._read_all(source)
        except BaseException as error:
            self._error = error
        finally:
            if source is not None:
                source.close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _read_all(self, source: Source) -> None:
        while self._room() and (picture := source.read()) is not None:
            now = time.monotonic()
            with self._changed:
                index = self._captured
                self._captured += picture.frames
                if picture.image is None:
                    log.warning("%s: %s cannot be read", self.source, picture.name)
                    self._drop("unreadable", picture.frames)
                    continue
                frame = Frame(picture.image, index, now, picture.position_seconds, picture.name)
                self._enqueue(frame)

    def _room(self) -> bool:
        """Wait until a frame may be read: at once from a live source, else when there is room for it."""
        with self._changed:
            self._changed.wait_for(lambda: self.live or len(self._frames) < _READ_AHEAD_FRAMES or self._closed)
            return not self._closed

    def _enqueue(self, frame: Frame) -> None:
        if self.live:
            self._drop("superseded", len(self._frames))
            self._frames.clear()
        if self._closed:
            self._drop("closed", 1)
            return
        self._frames.append(frame)
        self._changed.notify_all()

    def _drop(self, reason: str, count: int) -> None:
        if count:
            self._dropped[reason] = self._dropped.get(reason, 0) + count
