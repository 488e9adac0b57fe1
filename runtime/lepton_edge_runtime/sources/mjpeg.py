"""JPEG pictures cut out of a stream of bytes."""

from collections.abc import Iterator

_START = b"\xff\xd8"
_SCAN = 0xDA
_END = 0xD9
# Markers that stand alone, without a length: TEM and the restarts.
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
# No camera's picture is larger; without a limit, a stream that never ends a picture would fill the memory.
_LARGEST_BYTES = 64 * 2**20


class JpegSplitter:
    """Give it bytes as they come; it yields whole JPEG pictures, and steps over what is none.

    Attributes:
        skipped: Bytes that belonged to no picture.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._buffer = bytearray()
        self._scan = 0  # where the search for the picture's end goes on, 0 while its header is incomplete

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Yield the pictures that ``piece`` completes."""
        self._buffer += piece
        while True:
            if not self._align():
                return
            end = self._end()
            if end < 0:
                self._skip(len(_START))
            elif end:
                yield bytes(self._buffer[:end])
                self._drop(end)
            elif len(self._buffer) > _LARGEST_BYTES:
                self._skip(len(self._buffer))
            else:
                return

    def _align(self) -> bool:
        """Drop what stands before the next picture's start; return whether there is one."""
        if self._buffer.startswith(_START):
            return True
        start = self._buffer.find(_START)
        # The last byte may be the first half of the marker.
        self._skip(start if start >= 0 else max(0, len(self._buffer) - 1))
        return start >= 0

    def _end(self) -> int:
        """Return where the picture ends, 0 if it has not come yet, -1 if this is no picture."""
        if not self._scan:
            self._scan = _scan_start(self._buffer)
        if self._scan <= 0:
            found, self._scan = self._scan, 0
            return found
        # In the scan a 0xFF that is data is followed by 0, so that this pair can only be the end.
        end = self._buffer.find(bytes((0xFF, _END)), self._scan)
        if end < 0:
            self._scan = max(self._scan, len(self._buffer) - 1)
            return 0
        return end + 2

    def _skip(self, count: int) -> None:
        self.skipped += count
        self._drop(count)

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._scan = 0


def _scan_start(buffer: bytearray) -> int:
    """Walk the header's segments (ITU T.81, B.1.1.4); return where the scan begins, 0 if not there yet, -1 if none."""
    at = len(_START)
    while at + 4 <= len(buffer):
        marker = buffer[at + 1]
        if buffer[at] != 0xFF or marker in {0x00, _END}:
            return -1
        if marker in _BARE or marker == 0xFF:
            at += 1 if marker == 0xFF else 2
            continue
        at += 2 + int.from_bytes(buffer[at + 2 : at + 4], "big")
        if marker == _SCAN:
            return at
    return 0
