"""A video file written frame by frame, under a temporary name until it is whole."""

from pathlib import Path
from typing import Any

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

    def write(self, image: Image) -> None:
        """Append one frame, BGR; other sizes than the first one's are resized to it."""
        cv2 = opencv()
        height, width = image.shape[:2]
        if self._writer is None:
            self._size = (width, height)
            codec = cv2.VideoWriter_fourcc(*_CODECS[self.path.suffix.lower()])
            self._writer = cv2.VideoWriter(str(self._part), codec, self._fps, self._size)
            if not self._writer.isOpened():
                raise SinkError(f"OpenCV cannot write the video {self.path}")
        self._writer.write(image if (width, height) == self._size else cv2.resize(image, self._size))
        self.frames += 1

    def close(self) -> None:
        """Finish the video and give it its name; without a frame there is no video."""
        if self._writer is not None:
            self._writer.release()
            self._writer = None
            self._part.replace(self.path)
