"""Engines write their own greetings to standard error; the command line leaves them out."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from lepton_edge_runtime.images import opencv

_GREETINGS = (
    "INFO: Created TensorFlow Lite",
    "INFO: Initialized TensorFlow Lite",
    "INFO: Applying",
    "WARNING: All log messages before absl::InitializeLog()",
)


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
    with tempfile.TemporaryFile() as buffer:
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
    """Let OpenCV print errors only, and its FFmpeg nothing: what goes wrong, a source says in our words."""
    # Read by OpenCV at its first video, and the only way to tell it; -8 is FFmpeg's AV_LOG_QUIET.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    logging = opencv().utils.logging
    logging.setLogLevel(logging.LOG_LEVEL_ERROR)
