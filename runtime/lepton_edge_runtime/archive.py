"""Zip archives that may be hostile: their members are few, apart from each other, plain files, and stored or small."""

import io
import re
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from lepton_edge_runtime.closing import Closing
from lepton_edge_runtime.errors import LeptonError
from lepton_edge_runtime.regular import open_regular

_MEMBER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_MEMBERS_MAX = 64
_DIRECTORY_BYTES_MAX = 64 << 10
_END = struct.Struct("<4s4H2LH")
_LOCATOR_BYTES = 20
_LOCAL_HEADER_BYTES = 30
# What zipfile raises, on purpose or not, for an archive that contradicts itself.
_ZIP_ERRORS = (
    zipfile.BadZipFile, EOFError, OSError, OverflowError, ValueError, NotImplementedError, RuntimeError, struct.error,
    MemoryError, zlib.error,
)  # fmt: skip


class StoredZip(Closing):
    """A zip archive, open for reading, whose directory has been checked.

    Bytes may stand before the first member, as in a TFLite file that carries an archive at its end.

    Args:
        source: The archive's file, or its bytes.
        title: What it is called in messages.
        kind: What it should be, such as "bundle".
        error: Raised where it is not.
        inflated_bytes_max: Most that a compressed member may become; 0 where members are stored.
    """

    def __init__(
        self,
        source: Path | bytes,
        *,
        title: str,
        kind: str,
        error: type[LeptonError],
        inflated_bytes_max: int = 0,
    ) -> None:
        self._inflated_bytes_max = inflated_bytes_max
        self._title = title
        self._kind = kind
        self._error = error
        self._file: BinaryIO = io.BytesIO(source) if isinstance(source, bytes) else open_regular(source, error)
        try:
            directory_offset = self._checked_end()
            self._archive = zipfile.ZipFile(self._file)
            self.entries = self._checked_entries(directory_offset)
        except _ZIP_ERRORS as problem:
            self._file.close()
            raise error(f"{title} is no {kind}: {problem}") from problem
        except LeptonError:
            self._file.close()
            raise

    def read(self, name: str) -> bytes:
        """Return a member's bytes; never more than the archive has."""
        size_bytes = self.entries[name].file_size
        try:
            # Told how much to give, zipfile inflates no more.
            with self._archive.open(name) as member:
                content = member.read(size_bytes)
        except _ZIP_ERRORS as problem:
            raise self._error(f"{self._title}: {name} cannot be read: {problem}") from problem
        if len(content) != size_bytes:
            raise self._error(f"{self._title}: {name} has {len(content)} bytes, and should have {size_bytes}")
        return content

    def close(self) -> None:
        """Close the file."""
        self._archive.close()
        self._file.close()

    def _checked_end(self) -> int:
        """Return where the directory begins; refuse a large one before zipfile reads it into memory."""
        size = self._file.seek(0, io.SEEK_END)
        start = max(0, size - _END.size - _LOCATOR_BYTES)
        self._file.seek(start)
        tail = self._file.read()
        if len(tail) < _END.size:
            raise self._error(f"{self._title} is no {self._kind}: it is too short for a zip archive")
        mark, _, _, _, count, directory_bytes, _, comment = _END.unpack(tail[-_END.size :])
        if mark != b"PK\x05\x06" or comment:
            raise self._error(
                f"{self._title} is no {self._kind}: it does not end as a zip archive without comment does"
            )
        if tail[:4] == b"PK\x06\x07":
            raise self._error(f"{self._title} is no {self._kind}: it is a zip archive of the large kind (zip64)")
        if count > _MEMBERS_MAX or directory_bytes > _DIRECTORY_BYTES_MAX:
            raise self._error(f"{self._title} has {count} members; a {self._kind} has at most {_MEMBERS_MAX}")
        return size - _END.size - int(directory_bytes)

    def _checked_entries(self, directory_offset: int) -> dict[str, zipfile.ZipInfo]:
        by_name: dict[str, zipfile.ZipInfo] = {}
        for entry in self._archive.infolist():
            # zipfile cuts names at a zero byte, and takes others from an extra field.
            name = entry.orig_filename
            if name != entry.filename or not _MEMBER_NAME.fullmatch(name):
                raise self._error(f"{self._title} has a member named {name!r}; names are plain file names")
            if name in by_name:
                raise self._error(f"{self._title} has two members named {name!r}")
            self._refuse_unplain(entry)
            by_name[name] = entry
        if len(by_name) > _MEMBERS_MAX:
            raise self._error(f"{self._title} has {len(by_name)} members; a {self._kind} has at most {_MEMBERS_MAX}")
        end = 0
        for entry in sorted(by_name.values(), key=lambda one: one.header_offset):
            if entry.header_offset < end:
                raise self._error(f"{self._title}: its members overlap, or are cut off")
            end = entry.header_offset + _LOCAL_HEADER_BYTES + len(entry.orig_filename) + entry.compress_size
        if end > directory_offset:
            raise self._error(f"{self._title}: its members overlap, or are cut off")
        return by_name

    def _refuse_unplain(self, entry: zipfile.ZipInfo) -> None:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise self._error(f"{self._title}: {entry.filename} is a link or a device; members are plain files")
        stored = entry.compress_type == zipfile.ZIP_STORED and entry.compress_size == entry.file_size
        inflatable = entry.compress_type == zipfile.ZIP_DEFLATED and self._inflated_bytes_max > 0
        if not stored and not inflatable:
            raise self._error(f"{self._title}: {entry.filename} is compressed; members of a {self._kind} are stored")
        if not stored and entry.file_size > self._inflated_bytes_max:
            raise self._error(
                f"{self._title}: {entry.filename} is compressed and {entry.file_size >> 20} MB large; at most "
                f"{self._inflated_bytes_max >> 20} MB are inflated"
            )
        if entry.flag_bits & 1:
            raise self._error(f"{self._title}: {entry.filename} is encrypted; members of a {self._kind} are not")
