"""A video file written by a thread of its own, under a temporary name until it is whole."""

import os
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import numpy as np

from lepton_edge_runtime.closing import Closing
from lepton_edge_runtime.errors import SinkError
from lepton_edge_runtime.images import Image, opencv
from lepton_edge_runtime.interrupts import uninterrupted

_CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "mp4v"}
_WAITING_FRAMES = 4
"""So many frames wait to be written at most: enough for one that takes longer than others."""
_RESERVE_BYTES = 8_000_000
"""So much of the disk is left free: a video whose end cannot be written cannot be read."""


class Recorder(Closing):
    """Writes frames to a video file, whose size is that of the first frame.

    Frames are drawn and answered while those before them are being written.

    Attributes:
        frames: How many the video has so far, those shown for longer once for each time.
        dropped: How many were left out since those before them were still being written.

    Args:
        path: Ends in ``.mp4``, ``.avi`` or ``.mkv``.
        fps: Frames a second of the video.

    Raises:
        SinkError: The ending is another one, or there is no such folder.
    """

    def __init__(self, path: str | Path, *, fps: float) -> None:
        self.path = Path(path)
        if self.path.suffix.lower() not in _CODECS:
            raise SinkError(f"{self.path}: a video ends in {', '.join(_CODECS)}")
        if not self.path.parent.is_dir():
            raise SinkError(f"there is no folder {self.path.parent} to write {self.path.name} into")
        self.frames = self.dropped = 0
        self._fps = fps
        self._part = self.path.with_name(f".{self.path.stem}.part{self.path.suffix}")
        self._writer: Any = None
        self._thread: Thread | None = None
        # Ctrl-C in the midst of a Queue's put can lose the call that wakes its reader; a SimpleQueue's is one step. So
        # that it has bounds, a second one holds a token for each free place.
        self._waiting: SimpleQueue[tuple[Image, float | None] | None] = SimpleQueue()
        self._room: SimpleQueue[None] = SimpleQueue()
        for _ in range(_WAITING_FRAMES):
            self._room.put(None)
        self._problem: Exception | None = None
        self._told = False
        self._size = (0, 0)
        self._begin = 0.0
        self._last: Image = np.empty((0, 0, 3), np.uint8)

    def write(self, image: Image, *, at_seconds: float | None = None, wait: bool = True) -> None:
        """Append one frame, BGR; other sizes than the first one's are resized to it.

        Args:
            image: The frame. It is not copied: leave it alone afterwards.
            at_seconds: When it was taken, on any clock, for frames that do not come at the video's pace: the
                frame before it is repeated until then, and one that comes before its turn is left out.
            wait: Whether to wait where frames come faster than they are written; if not, this one is left out then,
                and counted in ``dropped``.

        Raises:
            SinkError: OpenCV cannot write there, or the disk is full.
        """
        if self._problem is not None:
            self._told = True
            raise self._problem
        if self._thread is None:
            with uninterrupted():  # a file that is begun has a thread, and close() ends both
                self._open(image)
                self._begin = at_seconds or 0.0
                thread = Thread(target=self._write_all, name=f"video {self.path.name}", daemon=True)
                thread.start()
                self._thread = thread
        try:
            self._room.get(block=wait)
        except Empty:
            self.dropped += 1
        else:
            self._waiting.put((image, at_seconds))

    def close(self) -> None:
        """Write what waits, finish the video and give it its name; without a frame there is no video.

        Raises:
            SinkError: The name is taken by a folder, the disk refuses, or a frame could not be written.
        """
        if self._thread is not None:
            with uninterrupted():  # a handful of frames, and then the video's end, without which there is none
                self._waiting.put(None)
                self._thread.join()
                self._thread = None
                self._finish()
        if self._problem is not None and not self._told:
            self._told = True
            raise self._problem

    def _open(self, image: Image) -> None:
        cv2 = opencv()
        self._size = (image.shape[1], image.shape[0])
        codec = cv2.VideoWriter_fourcc(*_CODECS[self.path.suffix.lower()])
        writer = cv2.VideoWriter(str(self._part), codec, self._fps, self._size)
        if not writer.isOpened():
            raise SinkError(f"OpenCV cannot write the video {self.path}")
        self._writer = writer

    def _write_all(self) -> None:
        """Write frames until there are no more; runs in its own thread, and after an error only clears the way."""
        failed = False
        while (waiting := self._waiting.get()) is not None:
            self._room.put(None)
            if failed:
                continue
            try:
                self._place(*waiting)
            except Exception as problem:  # whatever it is, whoever writes next is told
                self._problem, failed = problem, True

    def _place(self, image: Image, at_seconds: float | None) -> None:
        if at_seconds is not None and self.frames:
            due = round((at_seconds - self._begin) * self._fps)
            for _ in range(due - self.frames):
                self._append(self._last)
            if due < self.frames:
                return
        self._append(image)

    def _append(self, image: Image) -> None:
        # OpenCV does not say when a frame cannot be written.
        if _free_bytes(self.path.parent) < _RESERVE_BYTES:
            raise SinkError(f"the disk is full: {self.path} ends after {self.frames} frames")
        fits = (image.shape[1], image.shape[0]) == self._size
        self._last = image if fits else opencv().resize(image, self._size)
        self._writer.write(self._last)
        self.frames += 1

    def _finish(self) -> None:
        self._writer.release()
        self._writer = None
        problem: str | None = None
        if self.frames and not _can_be_read(self._part):
            problem = "what was written cannot be read; is the disk full?"
        elif self.frames:
            try:
                self._part.replace(self.path)
            except OSError as refused:
                problem = refused.strerror
        self._part.unlink(missing_ok=True)
        if problem:
            self._told = True  # one error is enough
            raise SinkError(f"cannot write the video {self.path}: {problem}") from self._problem


def _free_bytes(folder: Path) -> int:
    """Return how much of a disk is left for this user; where it does not tell, more than there is."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize if found.f_blocks else 1 << 62


def _can_be_read(path: Path) -> bool:
    """Return whether a video has an end: else it has no frames, or cannot be opened."""
    cv2 = opencv()
    capture = cv2.VideoCapture(str(path))
    frames = capture.get(cv2.CAP_PROP_FRAME_COUNT) if capture.isOpened() else 0
    capture.release()
    return bool(frames > 0)
