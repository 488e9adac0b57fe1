"""Choices in a cache folder: one JSON file a model, read as if it were hostile.

All that an entry can do is to name a backend and a number of threads; whatever it names is proved on the
golden samples before it serves.
"""

import hashlib
from pathlib import Path

import msgspec

from lepton_edge_runtime.atomic import replacing
from lepton_edge_runtime.backends import BACKENDS
from lepton_edge_runtime.choice import TUNED, Preferred, Rejected
from lepton_edge_runtime.errors import ModelFileError, TuningError
from lepton_edge_runtime.installed import installed_version, our_version
from lepton_edge_runtime.machine import read_processor, usable_cores
from lepton_edge_runtime.regular import open_regular, read_regular
from lepton_edge_runtime.tuned.record import FORMAT_VERSION, Key, Tuning, difference, why
from lepton_edge_runtime.wire import decode_json

_BYTES_MAX = 1 << 20


def key_of(path: Path) -> Key:
    """Return what a choice for the model in ``path`` would hold for, here and now; raise ModelFileError."""
    return _key(_digest(path))


def _digest(path: Path) -> str:
    try:
        with open_regular(path, ModelFileError) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        raise ModelFileError(f"cannot read {path}: {problem.strerror}") from problem


def _key(digest: str) -> Key:
    processor = read_processor()
    versions = {
        name: installed_version(engine.distribution) or "of unknown version"
        for name, engine in BACKENDS.items()
        if engine.installed
    }
    return Key(
        model_sha256=digest,
        processor=processor.name,
        features=tuple(sorted(processor.features)),
        cores=usable_cores(),
        engines=versions,
        lepton_edge=our_version(),
    )


def entry_path(cache: str | Path, model_sha256: str) -> Path:
    """Return where in ``cache`` the choice for a model is stored."""
    return Path(cache) / f"tuning-{model_sha256}.json"


def make_cache(cache: str | Path) -> None:
    """Make the folder if need be; raise TuningError if it cannot be made."""
    try:
        Path(cache).mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise TuningError(f"cannot store the choice in {cache}: {problem.strerror}") from problem


def store(cache: str | Path, tuning: Tuning) -> Path:
    """Write ``tuning`` into the folder ``cache``, which is made if need be, and return the file.

    Raises:
        TuningError: It cannot be written there.
    """
    make_cache(cache)
    path = entry_path(cache, tuning.key.model_sha256)
    try:
        with replacing(path) as file:
            file.write(msgspec.json.format(msgspec.json.encode(tuning), indent=2))
    except OSError as problem:
        raise TuningError(f"cannot store the choice in {path.parent}: {problem.strerror}") from problem
    return path


def read_tuning(path: Path) -> Tuning:
    """Return the entry in ``path``, which may be of another machine.

    Raises:
        TuningError: It cannot be read, or is no entry.
    """
    content = read_regular(path, TuningError, bytes_max=_BYTES_MAX, what="a stored choice")
    tuning = decode_json(content, Tuning, what=str(path), error=TuningError)
    if tuning.format != FORMAT_VERSION:
        raise TuningError(f"{path} is of format {tuning.format}, and this version reads {FORMAT_VERSION}")
    if tuning.chosen is None:
        raise TuningError(f"{path} chooses a setting that it has not timed")
    return tuning


def look_up(cache: str | Path, model: Path) -> Preferred | Rejected | None:
    """Return the choice stored for a model, why it does not hold, or ``None`` where nothing is stored.

    Raises:
        ModelFileError: The model cannot be read.
    """
    digest = _digest(model)
    path = entry_path(cache, digest)
    try:
        path.lstat()
    except FileNotFoundError:
        return None
    except OSError:
        pass  # it is there and cannot be reached: reading it says why
    key = _key(digest)
    try:
        tuning = read_tuning(path)
    except TuningError as problem:
        # What a hostile file holds must not steer the terminal that the reason is printed on.
        return Rejected(TUNED, "".join(one if one.isprintable() else "?" for one in str(problem)))
    stale = difference(tuning.key, key)
    if stale:
        return Rejected(TUNED, f"the entry is stale ({stale}): tune again")
    if tuning.threads > key.cores:
        return Rejected(TUNED, f"the entry has {tuning.threads} threads, and there are {key.cores} cores")
    return Preferred(tuning.backend, tuning.threads, why(tuning))
