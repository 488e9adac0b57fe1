"""Regular files, and nothing else: a pipe waits for whoever writes into it, and a device may never end."""

import os
import stat
from io import BufferedReader
from pathlib import Path

from lepton_edge_runtime.errors import LeptonError


def open_regular(path: Path, error: type[LeptonError]) -> BufferedReader:
    """Open a file for reading, or raise ``error`` with its path and the reason."""
    try:
        # Looked at before, since some devices act when they are opened, and after, since it may have been exchanged.
        regular = not path.exists() or path.is_file()
        file = open(path, "rb", opener=_without_waiting) if regular else None  # noqa: SIM115 - the caller closes
        if file is not None and stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return file
        if file is not None:
            file.close()
        raise error(f"cannot read {path}: it is no regular file")
    except OSError as problem:
        raise error(f"cannot read {path}: {problem.strerror}") from problem
    except ValueError as problem:  # a path with a zero byte in it
        raise error(f"cannot read {str(path)!r}: {problem}") from problem


def read_regular(path: Path, error: type[LeptonError], *, bytes_max: int, what: str) -> bytes:
    """Return a file's bytes.

    Args:
        path: The file.
        error: Raised where it cannot be read.
        bytes_max: Most that it may have.
        what: What it is, for the message about one that has more: "a model file".
    """
    with open_regular(path, error) as file:
        size_bytes = os.fstat(file.fileno()).st_size
        try:
            # Room is made for all that is asked for: no more than the file has.
            content = file.read(size_bytes + 1) if size_bytes <= bytes_max else b""
        except OSError as problem:
            raise error(f"cannot read {path}: {problem.strerror}") from problem
        except MemoryError as problem:
            raise error(f"cannot read {path}: {size_bytes >> 20} MB do not fit into the memory") from problem
    if size_bytes > bytes_max:
        raise error(f"cannot read {path}: {what} has at most {bytes_max >> 20} MB, and it has {size_bytes >> 20} MB")
    if len(content) != size_bytes:
        raise error(f"cannot read {path}: it is being written to")
    return content


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
