"""JSON: strict reading of what may be hostile, without duplicate or unknown keys, and values that it can hold."""

import json
from difflib import get_close_matches
from math import isfinite
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def decode_json(text: bytes, wire_type: type[T], *, what: str, error: type[Exception]) -> T:
    """Return ``text`` as a ``wire_type``, or raise ``error`` with a sentence that names the key.

    Args:
        text: UTF-8 JSON.
        wire_type: A msgspec Struct that forbids unknown fields.
        what: What is being read, for the message ("manifest.json").
        error: The room's error to raise.
    """
    # msgspec keeps the last of two equal keys without a word: two readers could see two cards.
    try:
        json.loads(text, object_pairs_hook=_refuse_duplicates, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:
        raise error(f"{what} is not valid JSON: {problem}") from problem
    try:
        return msgspec.json.decode(text, type=wire_type)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as problem:
        raise error(f"{what}: {problem}") from problem


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


def nearest(word: str, known: list[str]) -> str:
    """Return " (did you mean 'x'?)" for the known word nearest to ``word``, or nothing."""
    matches = get_close_matches(word, known, n=1)
    return f" (did you mean {matches[0]!r}?)" if matches else ""


def finite(value: Any) -> Any:
    """Return plain values with ``None`` for the numbers that JSON has no word for: NaN and the infinities."""
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _refuse_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {key!r} stands twice")
            seen.add(key)
    return keys
