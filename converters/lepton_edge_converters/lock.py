"""``NAME.lepton.lock``: what a bundle was made from, and with; ``convert(locked=True)`` makes it again, or refuses."""

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from lepton_edge_converters.errors import LockError, LockMismatchError
from lepton_edge_converters.recipe import Recipe
from lepton_edge_converters.said import Said
from lepton_edge_converters.toml import encode_toml
from lepton_edge_converters.toolchain import Toolchain
from lepton_edge_runtime.bundle import Bundle
from lepton_edge_runtime.text import printable

FORMAT_VERSION = 1
BUNDLE = "bundle"
"""The whole file among ``artefacts``; the others are its members."""

_HEADER = """\
# What this bundle was made from, and with. Written by 'lepton-edge convert'; keep it under version control.
# 'lepton-edge convert --locked' makes the same bundle again, byte for byte, or names what is another.

"""
_HASH = re.compile("[0-9a-f]{64}")
_HASH_DIGITS = 12
_SHOWN_MAX = 80
_LISTED_MAX = 5


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The model: its name, and the SHA-256 of its file, or of its architecture and weights if it was in memory."""

    name: str
    sha256: str


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The samples.

    Attributes:
        sha256: Of those that calibrated, judged and trained, as the model takes them; empty without samples.
        total, calibration, judged: How many there were, and what they were used for.
    """

    sha256: str
    total: int
    calibration: int
    judged: int


class Lock(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a bundle was made from, and with.

    Attributes:
        format: Version of this format.
        source: The model.
        data: The samples.
        said: What the user said of the model.
        recipe: What was asked for, in full, the seed among it.
        chosen: What was carried out, where a repair or a search for the fastest scheme chose otherwise.
        toolchain: Python, packages, processor.
        artefacts: SHA-256 of each member of the bundle, and of the whole, ``bundle``.
    """

    format: int = FORMAT_VERSION
    source: Source
    data: Data
    said: Said
    recipe: Recipe
    chosen: Recipe | None = None
    toolchain: Toolchain
    artefacts: dict[str, str]


def lock_path(bundle: Path) -> Path:
    """Return where the lock of a bundle lies: beside it, under its whole name and ``.lock``."""
    return bundle.with_name(f"{bundle.name}.lock")


def encode_lock(lock: Lock) -> bytes:
    """Return what the file of a lock holds."""
    return (_HEADER + encode_toml(msgspec.to_builtins(lock))).encode()


def read_lock(bundle: Path) -> Lock:
    """Return the lock that lies beside a bundle, whether the bundle is there or not.

    Raises:
        LockError: There is none, or it cannot be read.
    """
    path = lock_path(bundle)
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as missing:
        raise LockError(
            f"there is no {path}; convert once without --locked (locked=True), which writes it"
        ) from missing
    except OSError as problem:
        raise LockError(f"cannot read {path}: {problem.strerror}") from problem
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise LockError(f"{path} is not valid TOML: {problem}") from problem
    if settings.get("format") != FORMAT_VERSION:
        raise LockError(f"{path} is of format {settings.get('format')}, and this version reads {FORMAT_VERSION}")
    try:
        return msgspec.convert(settings, Lock)
    except msgspec.ValidationError as problem:
        raise LockError(f"{path}: {problem}") from problem


def hold_to(bundle: Path, locked: Lock | None, now: Mapping[str, Any]) -> None:
    """Refuse what is otherwise than a bundle's lock says; without a lock, nothing is.

    Args:
        bundle: Where the bundle will lie.
        locked: Its lock; ``None`` where it is not asked for.
        now: Parts of the lock as they are now, by their names.

    Raises:
        LockMismatchError: Something differs; every difference is named.
    """
    if locked is None:
        return
    found = [line for name, part in now.items() for line in _differences(name, getattr(locked, name), part)]
    if found:
        raise LockMismatchError(lock_path(bundle), tuple(found))


def hash_artefacts(bundle: Path) -> dict[str, str]:
    """Return the SHA-256 of each member of a bundle, and of the whole."""
    whole = hashlib.sha256(bundle.read_bytes()).hexdigest()
    return {**dict(sorted(Bundle(bundle).manifest.members.items())), BUNDLE: whole}


def _differences(name: str, locked: Any, now: Any) -> Iterator[str]:
    then, here = _flat(name, msgspec.to_builtins(locked)), _flat(name, msgspec.to_builtins(now))
    for key in dict.fromkeys((*then, *here)):
        if then.get(key) != here.get(key):
            yield f"{key} {_difference(then.get(key), here.get(key))}"


def _flat(name: str, value: Any) -> dict[str, Any]:
    """Return nested tables as one, its keys joined by dots; what is ``None`` is left out, as in TOML."""
    if isinstance(value, dict):
        return {key: one for inner in value for key, one in _flat(f"{name}.{inner}", value[inner]).items()}
    return {} if value is None else {name: list(value) if isinstance(value, tuple) else value}


def _difference(then: Any, here: Any) -> str:
    """Return what is otherwise, for people: of long lists only what came and went, of a hash the first digits."""
    if isinstance(then, list) and isinstance(here, list):
        gone, come = ([one for one in a if one not in b] for a, b in ((then, here), (here, then)))
        if words := [f"{verb} {_listed(values)}" for verb, values in (("lacks", gone), ("has", come)) if values]:
            return " and ".join(words)
    return f"is {_shown(here)} (locked: {_shown(then)})"


def _listed(values: list[Any]) -> str:
    return ", ".join(map(_shown, values[:_LISTED_MAX])) + (", …" if len(values) > _LISTED_MAX else "")


def _shown(value: Any) -> str:
    if value is None:
        return "not there"
    text = printable(str(value))
    if _HASH.fullmatch(text):
        return f"{text[:_HASH_DIGITS]}…"
    return f"{text[:_SHOWN_MAX]}…" if len(text) > _SHOWN_MAX else text
