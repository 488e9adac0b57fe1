"""A camera, stream, video or folder as frames: one thread owns it, and every frame is accounted for."""

import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Thread

from lepton_edge_runtime.closing import Closing
from lepton_edge_runtime.errors import SourceError, SourceTimeoutError
from lepton_edge_runtime.frame import Frame
from lepton_edge_runtime.sources import Patience, Picture, Source, open_source
from lepton_edge_runtime.sources.address import parse_address

log = logging.getLogger(__name__)

# A file is read at most this far ahead: decoding overlaps with inference, and memory stays flat.
_READ_AHEAD_FRAMES = 2
# A source that keeps to its own time limits gets to say why before it is called silent.
_GRACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Counts:
    """Where the frames of a camera went: ``captured == delivered + waiting + sum(dropped.values())``.

    Attributes:
        captured: Frames that the source gave.
        delivered: Frames handed to whoever iterates, without those taken back.
        waiting: Frames captured and not yet handed over; 0 once the camera is closed.
        dropped: By reason: ``superseded`` by a newer live frame, ``unreadable``, ``stale`` (an old frame that a
            stream gave after it had stopped), left over when ``closed``; and what a model's stream took and did not
            answer, since it ``failed`` or was ``interrupted``, was ``still`` (its gate did not let it pass), was
            ``gathered`` for a clip that ends later, or belongs to no clip (``skipped``).
        reopened: How often a stream was lost and found again. What it sent meanwhile never came in.
    """

    captured: int = 0
    delivered: int = 0
    waiting: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    reopened: int = 0

    def __str__(self) -> str:
        dropped = ", ".join(f"{count} {reason}" for reason, count in self.dropped.items()) or "none"
        waiting = f" + {self.waiting} waiting" if self.waiting else ""
        reopened = f"; reopened {times(self.reopened)}" if self.reopened else ""
        return f"{self.captured} frames in = {self.delivered} delivered{waiting} + dropped: {dropped}{reopened}"


def times(count: int) -> str:
    """Return how often, in words: ``once``, ``3 times``."""
    return "once" if count == 1 else f"{count} times"


class Camera(Closing):
    """Frames of a source, in order. A live one gives its latest frame, a file or folder every one.

    Opening is done at once, by the thread that will own the handle. Iterate from one thread.

    Args:
        source: A camera's number, a stream's URL, ``csi:0`` for a Raspberry Pi camera, a video file, a folder of
            pictures, or one picture.
        timeout_seconds: How long a live source may give nothing before whoever iterates is told. A stream is opened
            anew meanwhile, and goes on being so: iterating again waits for it again.
        open_timeout_seconds: How long one try to open a stream or a Raspberry Pi camera may take.
        read_timeout_seconds: How long such a source may take for one frame; a stream is then opened anew. Closing
            waits for a read under way, so at most this long.

    Attributes:
        source: What is read. A URL hides its password in whatever it is printed into.
        live: Whether frames come at their own pace.
        fps: Frames a second, 0 where there is no telling.

    Raises:
        SourceError: The source is not there, or cannot be read.
        ValueError: A time that is not positive.

    Example:
        >>> with Camera("street.mp4") as camera:      # doctest: +SKIP
        ...     for frame in camera:
        ...         print(frame.index, frame.image.shape)
    """

    def __init__(
        self,
        source: int | str | Path,
        *,
        timeout_seconds: float = 30.0,
        open_timeout_seconds: float = 10.0,
        read_timeout_seconds: float = 5.0,
    ) -> None:
        if min(timeout_seconds, open_timeout_seconds, read_timeout_seconds) <= 0:
            raise ValueError("a time-out is more than 0 seconds")
        self.source = parse_address(source)
        self.live = False
        self.fps = 0.0
        self._timeout = timeout_seconds
        # One try takes no longer than all of them may.
        self._patience = Patience(
            min(open_timeout_seconds, timeout_seconds), min(read_timeout_seconds, timeout_seconds)
        )
        self._frames: deque[Frame] = deque()
        self._changed = Condition()
        self._captured = self._delivered = 0
        self._dropped: dict[str, int] = {}
        self._ended = self._closed = False
        self._opened: Source | None = None
        self._error: BaseException | None = None
        self._name = f"camera {self.source}"
        self._thread = Thread(target=self._capture, name=self._name, daemon=True)
        self._thread.start()
        try:
            self._wait_until_opened()
        except BaseException:
            self._let_go()
            raise

    @property
    def counts(self) -> Counts:
        """Where the frames went so far."""
        with self._changed:
            reopened = self._opened.reopened if self._opened else 0
            return Counts(self._captured, self._delivered, len(self._frames), dict(self._dropped), reopened)

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames until the source ends or the camera is closed.

        Raises:
            SourceError: The source failed; frames captured before are yielded first.
            SourceTimeoutError: A live source gave nothing for ``timeout_seconds``; where it is known why, the error
                is that one: nothing listens any more, or another password is wanted.
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
        if self._closed:
            return  # also a second Ctrl-C, which will not wait
        self._let_go()
        # The handle must be let go of by the thread that may be inside it: released from here, OpenCV crashes.
        # A V4L2 driver can hold a read for longer than we ask; the thread then ends by itself.
        self._thread.join(max(self._patience.open_seconds, self._patience.read_seconds) + _GRACE_SECONDS)

    def _let_go(self) -> None:
        with self._changed:
            self._closed = True
            self._drop("closed", len(self._frames))
            self._frames.clear()
            if self._opened and not self._ended:
                self._opened.stop()
            self._changed.notify_all()

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
                    raise self._silence()
                self._changed.wait(left)
            frame = self._frames.popleft()
            self._delivered += 1
            self._changed.notify_all()
            return frame

    def _silence(self) -> SourceError:
        """Return the error for a live source that gave nothing for too long, of the kind of its last trouble."""
        trouble = self._opened.trouble if self._opened else None
        if trouble is None:
            return SourceTimeoutError(f"{self._name} gave no frame for {self._timeout:g} s")
        return type(trouble)(f"no frame for {self._timeout:g} s: {trouble}")

    def _wait_until_opened(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._opened or self._ended, self._timeout + _GRACE_SECONDS)
            if self._opened:
                return  # what has failed since is told after the frames before it
            if self._error is not None:
                raise self._error
            raise SourceTimeoutError(f"{self._name} did not open within {self._timeout:g} s")

    def _capture(self) -> None:
        """Own the source from opening to closing; runs in its own thread."""
        source: Source | None = None
        try:
            source = open_source(self.source, self._patience)
            with self._changed:
                self.live, self.fps = source.live, source.fps
                self._opened = source
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
                    self._pass_over(picture)
                    continue
                frame = Frame(picture.image, index, now, picture.position_seconds, picture.name)
                self._enqueue(frame)

    def _pass_over(self, picture: Picture) -> None:
        if picture.name:
            log.warning("%s: %s cannot be read", self.source, picture.name)
        self._drop(picture.flaw, picture.frames)

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
