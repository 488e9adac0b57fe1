"""A Raspberry Pi camera on the ribbon cable, through the pictures that ``rpicam-vid`` writes into a pipe.

Pictures come as MJPEG, not as raw yuv420. Raw frames are written as they lie in the camera's memory: rows padded
to a multiple that depends on the board and the version (32 or 64 bytes), sometimes with a tail after the last
plane, and nothing in the stream says where a frame begins; a wrong guess shears every picture, and one lost byte all
that follow. A JPEG says its own size, can be found again after a fault, and is a tenth of the bytes. Its price is
the encoding and decoding, some milliseconds a frame, and the trace that quality 90 leaves.
"""

import logging
import os
import select
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from threading import Event
from typing import IO, cast

import numpy as np

from lepton_edge_runtime.errors import SourceError, SourceFormatError, SourceNotFoundError, SourceTimeoutError
from lepton_edge_runtime.images import opencv
from lepton_edge_runtime.sources import Patience, Picture, Source
from lepton_edge_runtime.sources.address import Address, CsiAddress
from lepton_edge_runtime.sources.mjpeg import JpegSplitter

log = logging.getLogger(__name__)

PROGRAMS = ("rpicam-vid", "libcamera-vid")
"""The program's name since 2024, and before."""

_QUALITY = 90
_PIPE_BYTES = 65536
_TERMINATION_SECONDS = 1.0
_LAST_LINES = 2


class CsiSource:
    """Reads pictures from a running ``rpicam-vid``; not restarted when it fails: the program itself tries that.

    Args:
        address: Which camera, how large, how often.
        patience: With the first picture (to open) and with each one (to read).
        command: The program and its options.

    Raises:
        SourceError: No picture came.
    """

    live = True
    reopened = 0
    trouble: SourceError | None = None

    def __init__(self, address: CsiAddress, patience: Patience, command: Sequence[str]) -> None:
        self.fps = address.fps
        self._address = address
        self._program = os.path.basename(command[0])  # noqa: PTH119 - a name, not a path any more
        self._read_seconds = patience.read_seconds
        self._stopped = Event()
        self._splitter = JpegSplitter()
        self._ready: deque[bytes] = deque()
        self._said = bytearray()
        self._process = _start(command)
        self._begin = time.monotonic()
        try:
            self._wait_for_picture(patience.open_seconds)
        except BaseException:
            self.close()
            raise

    def read(self) -> Picture | None:
        """Return the next picture, or ``None`` once stopped.

        Raises:
            SourceTimeoutError: The program gave none for as long as a read may take.
            SourceFormatError: It gave something else.
            SourceError: It ended; the message has what it said last.
        """
        if not self._wait_for_picture(self._read_seconds):
            return None
        cv2 = opencv()
        encoded = np.frombuffer(self._ready.popleft(), np.uint8)
        return Picture(cv2.imdecode(encoded, cv2.IMREAD_COLOR), time.monotonic() - self._begin)

    def stop(self) -> None:
        """Have the program end; its pipe closes, and so does a read that waits for it."""
        self._stopped.set()
        self._signal(signal.SIGTERM)

    def close(self) -> None:
        """End the program, forcibly if it will not, and close the pipes."""
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(_TERMINATION_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
        for pipe in self._pipes():
            pipe.close()

    def _signal(self, number: signal.Signals) -> None:
        # Not yet waited for, so its number is still its own; the group takes in what it may have started.
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        return cast("tuple[IO[bytes], IO[bytes]]", (self._process.stdout, self._process.stderr))

    def _wait_for_picture(self, seconds: float) -> bool:
        """Read from the pipes until a picture is whole; return false once stopped."""
        output, errors = (pipe.fileno() for pipe in self._pipes())
        deadline = time.monotonic() + seconds
        skipped = self._splitter.skipped
        watched = {output, errors}
        while not self._ready:
            left = deadline - time.monotonic()
            readable = _readable(watched, left)
            if self._stopped.is_set():
                return False
            if not readable:
                raise self._silence(seconds, self._splitter.skipped - skipped)
            if errors in readable and not self._listen(errors):
                watched = {output}
            if output in readable:
                piece = os.read(output, _PIPE_BYTES)
                if not piece:
                    raise self._ended()
                self._ready.extend(self._splitter.feed(piece))
            if left <= 0 and not self._ready:
                raise self._silence(seconds, self._splitter.skipped - skipped)
        return True

    def _listen(self, errors: int) -> bool:
        """Keep the end of what the program says; return whether it may say more."""
        piece = os.read(errors, _PIPE_BYTES)
        self._said = (self._said + piece)[-_PIPE_BYTES:]
        return bool(piece)

    def _silence(self, seconds: float, skipped: int) -> SourceError:
        if skipped:
            return SourceFormatError(
                f"{self._program} gave {skipped} bytes and no JPEG picture within {seconds:g} s{self._last_words()}"
            )
        return SourceTimeoutError(f"{self._address} gave no picture for {seconds:g} s{self._last_words()}")

    def _ended(self) -> SourceError:
        try:
            status = self._process.wait(_TERMINATION_SECONDS)
        except subprocess.TimeoutExpired:
            return SourceError(f"{self._program} closed its output{self._last_words()}")
        errors = self._pipes()[1].fileno()
        while _readable({errors}, 0.0) and self._listen(errors):
            pass
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return SourceError(f"{self._program} for {self._address} {how}{self._last_words()}")

    def _last_words(self) -> str:
        lines = [line.strip() for line in self._said.decode(errors="replace").splitlines() if line.strip()]
        # It greets at length; what made it end stands in lines of this mark, where there are any.
        telling = [line for line in lines if "ERROR" in line] or lines
        return f"; it said: {' / '.join(telling[-_LAST_LINES:])}" if telling else ""


def _readable(files: set[int], seconds: float) -> set[int]:
    """Return which of these can be read without waiting, or have ended; wait for one at most so long."""
    # Not select(), which takes no file above number 1,023.
    poll = select.poll()
    for file in files:
        poll.register(file, select.POLLIN)
    return {file for file, _ in poll.poll(max(0.0, seconds * 1000))}


def _start(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    pipe = subprocess.PIPE
    try:
        # In a session of its own, so that Ctrl-C reaches us alone, who then stop it.
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, bufsize=0, start_new_session=True
        )
    except OSError as problem:
        raise SourceError(f"cannot start {command[0]}: {problem.strerror}") from problem


def open_source(address: Address, patience: Patience) -> Source:
    """Start the camera, and wait for its first picture.

    Raises:
        SourceNotFoundError: The program is not installed.
        SourceError: It gave no picture; the message has what it said.
    """
    csi = cast("CsiAddress", address)
    program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if program is None:
        raise SourceNotFoundError(
            f"{csi} needs {' or '.join(PROGRAMS)}, and neither is on the PATH; "
            "on Raspberry Pi OS: sudo apt install rpicam-apps"
        )
    opencv()  # if it is missing, say so before the camera's light goes on
    width, height = csi.size
    log.info("%s: %s", csi, program)
    options = {
        "camera": str(csi.number), "timeout": "0", "codec": "mjpeg", "quality": str(_QUALITY), "width": str(width),
        "height": str(height), "framerate": f"{csi.fps:g}", "output": "-",
    }  # fmt: skip
    values = [word for name, value in options.items() for word in (f"--{name}", value)]
    return CsiSource(csi, patience, [program, *values, "--nopreview", "--flush"])
