"""One SHA-256 for values of many kinds, files among them: what a stage is known by."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np


def digest(*values: Any) -> str:
    """Return the SHA-256 of values, in hexadecimal: equal for equal values, in any process on any day.

    A path stands for its name and its content, a folder for all files in it. Values are told apart by type: ``1``,
    ``1.0``, ``True`` and ``"1"`` are four.

    Args:
        values: ``None``, numbers, text, bytes, arrays, paths, and sequences, mappings, dataclasses and Structs of them.

    Raises:
        TypeError: A value is of another kind, which nothing is known of: it might change and look the same.
        OSError: A path cannot be read.
    """
    hashed = hashlib.sha256()
    for part in _parts(values):
        # With its length before it, so that where one part ends and the next begins is part of the whole.
        hashed.update(len(part).to_bytes(8, "little"))
        hashed.update(part)
    return hashed.hexdigest()


def _parts(value: Any) -> Iterator[bytes]:
    """Yield what tells a value from all others: its kind, and the parts that it is made of."""
    match value:
        case None | bool() | int() | float() | str():
            yield from (type(value).__name__.encode(), repr(value).encode("utf-8", "surrogatepass"))
        case bytes():
            yield from (b"bytes", value)
        case np.ndarray() | np.generic():
            yield from _array_parts(np.asarray(value))
        case Path():
            yield from _path_parts(value)
        case Mapping():
            yield from _sequence_parts("mapping", value.items())
        case list() | tuple():
            yield from _sequence_parts(type(value).__name__, value)
        case msgspec.Struct():
            yield from _named_parts(value, value.__struct_fields__)
        case _ if is_dataclass(value) and not isinstance(value, type):
            yield from _named_parts(value, tuple(field.name for field in fields(value)))
        case _:
            raise TypeError(f"a stage cannot be known by a {type(value).__module__}.{type(value).__qualname__}")


def _sequence_parts(kind: str, values: Any) -> Iterator[bytes]:
    yield from (kind.encode(), str(len(values)).encode())
    for value in values:
        yield from _parts(value)


def _named_parts(value: Any, names: tuple[str, ...]) -> Iterator[bytes]:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    yield from _sequence_parts(kind, [(name, getattr(value, name)) for name in names])


def _array_parts(array: np.ndarray[Any, Any]) -> Iterator[bytes]:
    if array.dtype.hasobject:
        raise TypeError("a stage cannot be known by an array of objects")
    yield from (b"array", array.dtype.str.encode(), repr(array.shape).encode(), array.tobytes())


def _path_parts(path: Path) -> Iterator[bytes]:
    yield from (b"path", path.name.encode("utf-8", "surrogateescape"))
    if path.is_dir():
        files = sorted(one for one in path.rglob("*") if one.is_file())
        yield from _sequence_parts("folder", [(one.relative_to(path).as_posix(), _content(one)) for one in files])
    else:
        yield (_content(path) if path.exists() else "nothing there").encode()


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
