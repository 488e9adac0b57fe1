"""A folder of what stages gave, by what they were made from: damaged entries are made anew, the oldest give way."""

import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from lepton_edge_converters.stages.entry import DamagedEntryError, decode_entry, encode_entry
from lepton_edge_runtime.atomic import replacing
from lepton_edge_runtime.interrupts import uninterrupted

log = logging.getLogger(__name__)

T = TypeVar("T")

BYTES_MAX = 2 << 30
"""Of all entries together, by default."""

_SUBFOLDER = "stages"  # beside the choices of tune
_SUFFIX = ".stage"
_UNFINISHED = ".part"  # what a process that was killed left behind goes in its turn, too


@dataclass(frozen=True, slots=True)
class StageCounts:
    """Stages by name, in their order: those that were carried out, and those taken from the cache."""

    carried_out: tuple[str, ...]
    reused: tuple[str, ...]

    def __str__(self) -> str:
        return f"{len(self.reused)} of {len(self.reused) + len(self.carried_out)} stages from the cache"


class StageCache:
    """What stages gave, in a folder.

    A cache only saves time: where it cannot be read or written, the stage is carried out, and a warning in the log
    says why.

    Args:
        folder: The user's cache folder; made when something is first kept.
        surroundings: What every stage depends on beside its arguments, as one hash.
        bytes_max: Size of all entries together; the ones not used for longest give way.
    """

    def __init__(self, folder: str | Path, *, surroundings: str, bytes_max: int = BYTES_MAX) -> None:
        self.folder = Path(folder) / _SUBFOLDER
        self.surroundings = surroundings
        self._carried_out: list[str] = []
        self._reused: list[str] = []
        self._bytes_max = bytes_max

    @property
    def counts(self) -> StageCounts:
        """What was taken from here so far, and what was not."""
        return StageCounts(tuple(self._carried_out), tuple(self._reused))

    def count(self, stage: str, *, reused: bool) -> None:
        """Note whether a stage was taken from here."""
        (self._reused if reused else self._carried_out).append(stage)

    def look_up(self, key: str, gives: type[T], made: Path | None) -> tuple[T] | None:
        """Return the value kept under ``key``, in a tuple, and write what its stage made; ``None`` if there is none."""
        path = self._entry(key)
        try:
            stored = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as problem:
            log.warning("the cache cannot be read: %s", problem)
            return None
        try:
            value = decode_entry(stored, key, gives, made)
        except DamagedEntryError as damaged:
            log.warning("the cache entry %s is made anew: %s", path, damaged)
            return None
        with suppress(OSError):  # another process had it give way meanwhile, or the folder is read-only
            os.utime(path)  # used now: others give way before it
        return (value,)

    def keep(self, key: str, value: Any, made: Path | None) -> None:
        """Store a value and what its stage made under ``key``, and let the oldest entries give way."""
        content = encode_entry(key, value, made)
        if len(content) > self._bytes_max:
            return
        try:
            with uninterrupted():
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # models are nobody else's business
                with replacing(self._entry(key)) as file:
                    file.write(content)
                self._make_room()
        except OSError as problem:
            log.warning("the cache %s cannot be written: %s", self.folder, problem.strerror or problem)

    def _entry(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"

    def _make_room(self) -> None:
        """Remove the entries that were not used for longest, until the others are within the bound."""
        found = []
        for path in self.folder.iterdir():
            if path.suffix in (_SUFFIX, _UNFINISHED):
                with suppress(FileNotFoundError):  # another process was faster
                    status = path.stat()
                    found.append((status.st_mtime_ns, status.st_size, path))
        excess = sum(size for _, size, _ in found) - self._bytes_max
        for _, size, path in sorted(found):
            if excess <= 0:
                return
            path.unlink(missing_ok=True)
            excess -= size
