"""A video file, every frame of it."""

from pathlib import Path
from typing import Any

from lepton_edge_runtime.errors import SourceError, SourceFormatError
from lepton_edge_runtime.images import opencv
from lepton_edge_runtime.sources import Patience, Picture, Source
from lepton_edge_runtime.sources.address import Address


class VideoSource:
    """A video file through OpenCV's FFmpeg."""

    live = False
    reopened = 0
    trouble: SourceError | None = None

    def __init__(self, capture: Any, path: Path) -> None:
        cv2 = opencv()
        self._capture = capture
        self._path = path
        self._frames = 0
        self.fps = max(0.0, float(capture.get(cv2.CAP_PROP_FPS)))

    def read(self) -> Picture | None:
        """Return the next frame, or ``None`` after the last one."""
        good, image = self._capture.read()
        if not good:
            if not self._frames:
                raise SourceFormatError(f"{self._path} holds no frame that OpenCV can decode")
            return None
        position = self._frames / self.fps if self.fps else 0.0
        self._frames += 1
        return Picture(image, position)

    def stop(self) -> None:
        """No frame takes long to read."""

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


def open_source(address: Address, patience: Patience) -> Source:
    """Open a video file.

    Raises:
        SourceFormatError: OpenCV cannot read it as a video.
    """
    del patience  # a file is there or is not
    cv2 = opencv()
    path = Path(str(address))
    # Named, because OpenCV would otherwise take "frame_001" for the first of a series of pictures.
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        capture.release()
        raise SourceFormatError(f"{path} is no video that OpenCV can read")
    return VideoSource(capture, path)
