"""A file with one JSON object a line."""

import os
from pathlib import Path

from lepton_edge_runtime.errors import SinkError


class LinesSink:
    """Appends each message to a file; one that has grown too large is set aside, and the oldest of these goes.

    Args:
        path: The file; made if need be.
        megabytes: From which size on it is set aside as ``NAME.1``, that as ``NAME.2``, and so on.
        files: How many are kept beside it.
    """

    def __init__(self, path: str | Path, *, megabytes: float = 16, files: int = 4) -> None:
        self._path = Path(path)
        self._bytes_max = int(megabytes * (1 << 20))
        self._files = files
        self._whole = False  # whether the file is known to end with a whole line

    def send(self, message: bytes) -> None:
        """Append a line; it is on the disk when this returns."""
        try:
            self._turn_over(len(message) + 1)
            handle = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                self._mend(handle)
                self._whole = False
                written = os.write(handle, message + b"\n")
                if written != len(message) + 1:
                    raise OSError(28, "No space left on device")
                os.fsync(handle)
                self._whole = True
            finally:
                os.close(handle)
        except OSError as problem:
            raise SinkError(f"cannot append to {self._path}: {problem.strerror}") from problem

    def check(self) -> None:
        """The disk is asked when there is something to write."""

    def close(self) -> None:
        """Hold nothing: the file is open only while a line is written."""

    def _mend(self, handle: int) -> None:
        """Cut off half a line, which a full disk or a power cut has left; its message is sent again."""
        if self._whole:
            return
        size = os.fstat(handle).st_size
        end = size
        while end > 0:
            begin = max(0, end - 4096)
            at = os.pread(handle, end - begin, begin).rfind(b"\n")
            if at >= 0:
                end = begin + at + 1
                break
            end = begin
        if end < size:
            os.ftruncate(handle, end)

    def _turn_over(self, more: int) -> None:
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            return
        if size + more <= self._bytes_max or not size:
            return
        for number in range(self._files, 0, -1):
            older = self._numbered(number)
            newer = self._path if number == 1 else self._numbered(number - 1)
            if newer.exists():
                newer.replace(older)
        if not self._files:
            self._path.unlink()
        self._whole = False

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
