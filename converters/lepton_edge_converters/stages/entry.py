"""What a stage gave, as bytes and back: its value and the file or folder that it made. No pickle: it would run code."""

import hashlib
import io
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import msgspec
import numpy as np

T = TypeVar("T")

_HASH_BYTES = hashlib.sha256().digest_size


class DamagedEntryError(Exception):
    """An entry that was changed, cut off, or put in another's place; the stage is carried out anew."""


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """What is stored.

    Attributes:
        key: What the stage is known by.
        value: What it returned, as msgpack; arrays as ``.npy``.
        files: Content by relative name; a stage that made one file, and no folder, made the one without a name.
    """

    key: str
    value: msgspec.Raw
    files: dict[str, bytes]


def encode_entry(key: str, value: Any, made: Path | None) -> bytes:
    """Return what a stage gave as bytes, with their own SHA-256 before them."""
    files = {} if made is None else _read(made)
    raw = msgspec.Raw(msgspec.msgpack.encode(value, enc_hook=_encode_array))
    content = msgspec.msgpack.encode(_Entry(key, raw, files))
    return hashlib.sha256(content).digest() + content


def decode_entry(stored: bytes, key: str, gives: type[T], made: Path | None) -> T:
    """Return the value of the stage known by ``key``, and write what it made.

    Raises:
        DamagedEntryError: The bytes were changed, or are an entry for something else; nothing was written.
        OSError: What it made cannot be written.
    """
    if hashlib.sha256(stored[_HASH_BYTES:]).digest() != stored[:_HASH_BYTES]:
        raise DamagedEntryError("its hash is wrong: it was changed or cut off")
    try:
        entry = msgspec.msgpack.decode(stored[_HASH_BYTES:], type=_Entry)
        value: T = msgspec.msgpack.decode(entry.value, type=gives, dec_hook=_decode_array)
    except (msgspec.DecodeError, ValueError, EOFError) as problem:
        raise DamagedEntryError(f"it holds something else: {problem}") from problem
    if entry.key != key:
        raise DamagedEntryError("it is the entry of another stage")
    if made is not None:
        _write(made, entry.files)
    return value


def _read(made: Path) -> dict[str, bytes]:
    if made.is_file():
        return {"": made.read_bytes()}
    files = sorted(path for path in made.rglob("*") if path.is_file())
    return {path.relative_to(made).as_posix(): path.read_bytes() for path in files}


def _write(made: Path, files: dict[str, bytes]) -> None:
    for name in files:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise DamagedEntryError(f"it would write outside of its place: {name!r}")
    for name, content in files.items():
        path = made / name if name else made
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _encode_array(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if not isinstance(value, np.ndarray):
        raise NotImplementedError(f"a stage cannot give a {type(value).__qualname__}")
    buffer = io.BytesIO()
    np.save(buffer, value, allow_pickle=False)
    return buffer.getvalue()


def _decode_array(wanted: Any, stored: Any) -> Any:
    del wanted  # an array: all else msgspec decodes by itself
    return np.load(io.BytesIO(stored), allow_pickle=False)
