"""Measured times in a cache folder: one JSON file for a machine and an engine; what cannot be read is measured anew."""

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from lepton_edge_converters.latency.measure import Target
from lepton_edge_converters.latency.operator import Operator
from lepton_edge_converters.latency.steps import Steps
from lepton_edge_runtime.atomic import replacing
from lepton_edge_runtime.backends import find_engine
from lepton_edge_runtime.errors import LeptonError
from lepton_edge_runtime.installed import installed_version
from lepton_edge_runtime.machine import read_processor
from lepton_edge_runtime.regular import read_regular
from lepton_edge_runtime.wire import decode_json

log = logging.getLogger(__name__)

FORMAT_VERSION = 1
_BYTES_MAX = 1 << 26
_TIMES_MAX = 100_000  # of many nets; after them, only those of the last


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What times hold for; anything else here, and they lie in another file.

    Attributes:
        processor: Its name.
        features: Those that engines choose their kernels by, sorted.
        version: Of the engine.
        target: The engine, and how it is used.
    """

    processor: str
    features: tuple[str, ...]
    version: str
    target: Target


class Timed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An operator and its time."""

    operator: Operator
    milliseconds: Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that was measured of an engine on a machine."""

    format: int = FORMAT_VERSION
    key: Key
    steps: Steps
    times: Annotated[tuple[Timed, ...], msgspec.Meta(max_length=_TIMES_MAX)]


class _UnreadableError(LeptonError):
    """A file that is no table of times."""

    code = "LATENCY_TABLE"


def key_of(target: Target) -> Key:
    """Return what times measured here and now hold for."""
    processor = read_processor()
    version = installed_version(find_engine(target.engine).distribution) or "of unknown version"
    features = tuple(sorted(processor.features))
    return Key(processor=processor.name, features=features, version=version, target=target)


def table_path(cache: str | Path, key: Key) -> Path:
    """Return where in ``cache`` the times for ``key`` are stored."""
    return Path(cache) / f"latency-{hashlib.sha256(msgspec.json.encode(key)).hexdigest()[:16]}.json"


def load(cache: str | Path, key: Key) -> Measured | None:
    """Return what was stored for ``key``; ``None``, and a warning unless there is no file, where it cannot be used."""
    path = table_path(cache, key)
    if not path.exists():
        return None
    try:
        content = read_regular(path, _UnreadableError, bytes_max=_BYTES_MAX, what="a table of times")
        measured = decode_json(content, Measured, what=str(path), error=_UnreadableError)
    except _UnreadableError as damaged:
        log.warning("times of operators are measured anew: %s", damaged)
        return None
    if measured.format != FORMAT_VERSION or measured.key != key:
        log.warning("times of operators are measured anew: %s is of another format or machine", path)
        return None
    return measured


def store(cache: str | Path, key: Key, steps: Steps, times: Mapping[Operator, float]) -> None:
    """Write what was measured; a folder that cannot be written to is a warning: a cache only saves time."""
    path = table_path(cache, key)
    listed = tuple(Timed(operator, times[operator]) for operator in sorted(times, key=repr))[:_TIMES_MAX]
    content = msgspec.json.encode(Measured(key=key, steps=steps, times=listed))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(content)
    except OSError as problem:
        log.warning("times of operators cannot be stored in %s: %s", path.parent, problem.strerror or problem)
