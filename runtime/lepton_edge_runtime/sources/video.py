"""A video file, every frame of it."""

from pathlib import Path
from typing import Any

from lepton_edge_runtime.errors import SourceError, SourceFormatError
from lepton_edge_runtime.images import opencv
from lepton_edge_runtime.sources import Patience, Picture, Source
from lepton_edge_runtime.sources.address import Address


class VideoSource:
    """A video file through OpenCV's FFmpeg.

    FFmpeg takes a file that is cut off, or damaged on the way, for a shorter one. Where the container says how
    many frames it holds, those that could not be decoded are given at the end as one picture without pixels.
    """

    live = False
    reopened = 0
    trouble: SourceError | None = None

    def __init__(self, capture: Any, path: Path, declared: int) -> None:
        cv2 = opencv()
        self._capture = capture
        self._path = path
        self._declared = declared
        self._frames = 0
        self.fps = max(0.0, float(capture.get(cv2.CAP_PROP_FPS)))

    def read(self) -> Picture | None:
        """Return the next frame, or ``None`` after the last one."""
        good, image = self._capture.read()
        position = self._frames / self.fps if self.fps else 0.0
        if good:
            self._frames += 1
            return Picture(image, position)
        if not self._frames:
            raise SourceFormatError(f"{self._path} holds no frame that OpenCV can decode")
        missing, self._declared = self._declared - self._frames, 0
        if missing > 0:
            what = f"{missing} of its {self._frames + missing} frames"
            return Picture(None, position, what, missing)
        return None

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
    return VideoSource(capture, path, _declared_frames(capture, path))


def _declared_frames(capture: Any, path: Path) -> int:
    """Return how many frames the file says it holds; 0 where its format has no such number.

    For formats without one, such as Matroska, OpenCV multiplies duration by rate, which is no count.
    """
    with path.open("rb") as file:
        start = file.read(12)
    counted = (start[:4] == b"RIFF" and start[8:] == b"AVI ") or start[4:8] == b"ftyp"
    return int(capture.get(opencv().CAP_PROP_FRAME_COUNT)) if counted else 0
