"""Files that are there as a whole or not at all."""

import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from lepton_edge_runtime.errors import OutputError


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file to write; at the end it takes the place of ``path``, after an error it is gone.

    Raises:
        OSError: The folder cannot be written to.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    # Not by tempfile, whose files only their owner reads: here the kernel applies the process's umask.
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def replace_all(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together: none takes its place before all of them are on the disk.

    Raises:
        OSError: One cannot be written; the files that were there are still as they were.
    """
    with ExitStack() as stack:
        for path, content in contents.items():
            file = stack.enter_context(replacing(path))
            file.write(content)
            file.flush()  # a full disk is known here
            os.fsync(file.fileno())


def check_place(output: Path, *, force: bool) -> Path:
    """Return where a file will be written, or raise OutputError if it cannot or must not be written there."""
    if not output.parent.is_dir():
        raise OutputError(f"there is no folder {output.parent} to write {output.name} into")
    if output.is_dir():
        raise OutputError(f"{output} is a folder, and not a file to write")
    try:
        with tempfile.TemporaryFile(dir=output.parent):
            pass  # now rather than after the whole work
    except OSError as problem:
        raise OutputError(f"cannot write into {output.parent}: {problem.strerror}") from problem
    if output.exists() and not force:
        raise OutputError(f"{output} exists already; replace it with --force (force=True)")
    return output
