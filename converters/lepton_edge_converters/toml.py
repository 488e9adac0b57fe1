"""Values as TOML text. Python reads TOML by itself, and does not write it."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def encode_toml(table: Mapping[str, Any]) -> str:
    """Return a table of plain values as TOML: its own keys first, then its tables, in the order given.

    Args:
        table: Text, whole and real numbers, truth values, lists of them, and tables; what is ``None`` is left out,
            since TOML has no word for it.

    Raises:
        TypeError: A value is of another kind.
    """
    return "\n".join(_lines(table, ())).strip("\n") + "\n"


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    if path:
        yield from ("", f"[{'.'.join(map(_key, path))}]")
    tables = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    yield from (
        f"{_key(key)} = {_value(value)}" for key, value in table.items() if key not in tables and value is not None
    )
    for key, value in tables.items():
        yield from _lines(value, (*path, key))


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return _text(value)
        case Mapping():
            return f"{{{', '.join(f'{_key(key)} = {_value(one)}' for key, one in value.items())}}}"
        case list() | tuple():
            return f"[{', '.join(map(_value, value))}]"
        case _:
            raise TypeError(f"{type(value).__name__} has no form in TOML: {value!r}")


def _text(text: str) -> str:
    # JSON's escapes are TOML's too, but for one character that only TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
