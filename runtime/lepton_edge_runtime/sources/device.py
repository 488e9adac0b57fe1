"""A camera of this machine, by its number."""

import sys
import time
from pathlib import Path
from threading import Event
from typing import Any

from lepton_edge_runtime.errors import SourceError, SourceNotFoundError, SourceTimeoutError
from lepton_edge_runtime.images import opencv
from lepton_edge_runtime.sources import Patience, Picture, Source
from lepton_edge_runtime.sources.address import Address

# After an unplug, read() fails thousands of times a second: wait between tries, then give up.
_RETRY_SECONDS = 0.02
_GIVE_UP_SECONDS = 2.0


class DeviceSource:
    """A V4L2 camera (or the platform's own interface) through OpenCV.

    V4L2 takes no time-out: OpenCV waits ten seconds for a frame of a camera that is there and silent. It is not
    opened anew when it fails: a camera that is plugged in again may come back under another number.
    """

    live = True
    reopened = 0
    trouble: SourceError | None = None

    def __init__(self, capture: Any, number: int) -> None:
        cv2 = opencv()
        self._capture = capture
        self._number = number
        self._stopped = Event()
        self._begin = time.monotonic()
        self.fps = max(0.0, float(capture.get(cv2.CAP_PROP_FPS)))

    def read(self) -> Picture | None:
        """Return the next picture; raise SourceTimeoutError when the camera has stopped giving any."""
        give_up = time.monotonic() + _GIVE_UP_SECONDS
        while not self._stopped.is_set():
            good, image = self._capture.read()
            if good:
                return Picture(image, time.monotonic() - self._begin)
            if time.monotonic() > give_up:
                raise SourceTimeoutError(f"camera {self._number} stopped giving pictures; is it still plugged in?")
            self._stopped.wait(_RETRY_SECONDS)
        return None

    def stop(self) -> None:
        """End the waiting between tries."""
        self._stopped.set()

    def close(self) -> None:
        """Let go of the camera."""
        self._capture.release()


def open_source(address: Address, patience: Patience) -> Source:
    """Open the camera with this number.

    Raises:
        SourceNotFoundError: There is no such camera.
        SourceError: It is there and cannot be opened: in use, or not allowed.
    """
    del patience  # V4L2 takes no time-outs
    cv2 = opencv()
    number = int(str(address))
    if sys.platform == "linux":
        device = Path(f"/dev/video{number}")
        if not device.exists():
            found = ", ".join(path.name.removeprefix("video") for path in sorted(device.parent.glob("video*")))
            raise SourceNotFoundError(f"there is no camera {number} ({device}); there are: {found or 'none'}")
        capture = cv2.VideoCapture(number, cv2.CAP_V4L2)
    else:
        capture = cv2.VideoCapture(number)
    if not capture.isOpened():
        capture.release()
        raise SourceError(f"camera {number} cannot be opened; another program may hold it, or this user may not")
    return DeviceSource(capture, number)
