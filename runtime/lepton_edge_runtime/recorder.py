"""A video file written frame by frame, under a temporary name until it is whole."""

from pathlib import Path
from typing import Any

import numpy as np

from lepton_edge_runtime.closing import Closing
from lepton_edge_runtime.errors import SinkError
from lepton_edge_runtime.images import Image, opencv

_CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "mp4v"}


class Recorder(Closing):
    """Writes frames to a video file, whose size is that of the first frame.

    Args:
        path: Ends in ``.mp4``, ``.avi`` or ``.mkv``.
        fps: Frames a second of the video.

    Raises:
        SinkError: The ending is another one, or OpenCV cannot write there.
    """

    def __init__(self, path: str | Path, *, fps: float) -> None:
        self.path = Path(path)
        if self.path.suffix.lower() not in _CODECS:
            raise SinkError(f"{self.path}: a video ends in {', '.join(_CODECS)}")
        if not self.path.parent.is_dir():
            raise SinkError(f"there is no folder {self.path.parent} to write {self.path.name} into")
        self.frames = 0
        self._fps = fps
        self._part = self.path.with_name(f".{self.path.stem}.part{self.path.suffix}")
        self._writer: Any = None
        self._size = (0, 0)
        self._begin = 0.0
        self._last: Image = np.empty((0, 0, 3), np.uint8)

    def write(self, image: Image, *, at_seconds: float | None = None) -> None:
        """Append one frame, BGR; other sizes than the first one's are resized to it.

        Args:
            image: The frame.
            at_seconds: When it was taken, on any clock, for frames that do not come at the video's pace: the
                frame before it is repeated until then, and one that comes before its turn is left out.

        Raises:
            SinkError: OpenCV cannot write there.
        """
        if self._writer is None:
            self._open(image)
            self._begin = at_seconds or 0.0
        elif at_seconds is not None:
            due = round((at_seconds - self._begin) * self._fps)
            for _ in range(due - self.frames):
                self._append(self._last)
            if due < self.frames:
                return
        self._append(image)

    def _open(self, image: Image) -> None:
        cv2 = opencv()
        self._size = (image.shape[1], image.shape[0])
        codec = cv2.VideoWriter_fourcc(*_CODECS[self.path.suffix.lower()])
        writer = cv2.VideoWriter(str(self._part), codec, self._fps, self._size)
        if not writer.isOpened():
            raise SinkError(f"OpenCV cannot write the video {self.path}")
        self._writer = writer

    def _append(self, image: Image) -> None:
        fits = (image.shape[1], image.shape[0]) == self._size
        self._last = image if fits else opencv().resize(image, self._size)
        self._writer.write(self._last)
        self.frames += 1

    def close(self) -> None:
        """Finish the video and give it its name; without a frame there is no video.

        Raises:
            SinkError: The name is taken by a folder, or the disk refuses.
        """
        if self._writer is not None:
            self._writer.release()
            self._writer = None
            try:
                self._part.replace(self.path)
            except OSError as problem:
                self._part.unlink(missing_ok=True)
                raise SinkError(f"cannot write the video {self.path}: {problem.strerror}") from problem
