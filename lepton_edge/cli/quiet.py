"""Engines write their own greetings to standard error; the command line leaves them out."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lepton_edge_runtime.images import opencv

_GREETINGS = (
    "INFO: Created TensorFlow Lite",
    "INFO: Initialized TensorFlow Lite",
    "INFO: Applying",
    "WARNING: All log messages before absl::InitializeLog()",
)

_OPENCV_ERRORS = 2  # LOG_LEVEL_ERROR, which OpenCV 4 does not name in Python


@contextmanager
def quiet_engines() -> Iterator[None]:
    """Hold standard error back while an engine starts, then let through what is no greeting.

    Works on the file descriptor, since engines write from C++: for the main thread of the command line,
    before any other thread runs.
    """
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # standard error is closed
        yield
        return
    # In memory: a device's file system may be read-only, temporary folder and all.
    with os.fdopen(os.memfd_create("standard error"), "w+b") as buffer:
        os.dup2(buffer.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            buffer.seek(0)
            for line in buffer.read().splitlines(keepends=True):
                if not line.decode(errors="replace").startswith(_GREETINGS):
                    os.write(2, line)


def quiet_opencv() -> None:
    """Let OpenCV print errors only, and FFmpeg none: what they tell of, a source counts or raises as an error of ours.

    Before a video or stream is first opened; FFmpeg's level is set for a process, and only in this way.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
    cv2 = opencv()
    # OpenCV 4 has it at the top, OpenCV 5 in a module of its own.
    set_level = cv2.setLogLevel if hasattr(cv2, "setLogLevel") else cv2.utils.logging.setLogLevel
    set_level(_OPENCV_ERRORS)
