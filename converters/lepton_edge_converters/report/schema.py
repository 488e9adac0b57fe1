"""The JSON report as a JSON Schema, made from the types that it is written from and from their docstrings."""

import re
from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass
from inspect import getdoc
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from lepton_edge_converters.report import SCHEMA_VERSION, Report
from lepton_edge_converters.report.disagreement import PAGE_ONLY
from lepton_edge_converters.report.layers import UNBOUNDED

_PLAIN: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    Path: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    NoneType: {"type": "null"},
}
_ENTRY = re.compile(r"^    (\w+(?:, \w+)*): (.*)$")


def json_schema() -> dict[str, Any]:
    """Return the schema of ``Report.to_dict()``.

    Further keys may come without a new version of it, so a reader ignores those that it does not know.
    """
    definitions: dict[str, Any] = {}
    report = _object(Report, definitions)
    ours = {
        "schema": {"const": SCHEMA_VERSION, "description": "Version of this schema."},
        "passed": {"type": "boolean", "description": "Whether all gates passed, and so the bundle was written."},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Lepton Edge conversion report",
        **report,
        "properties": {**ours, **report["properties"]},
        "required": [*ours, *report["required"]],
        "$defs": dict(sorted(definitions.items())),
    }


def written_fields(kind: Any) -> Iterator[tuple[Field[Any], Any, str]]:
    """Yield the fields of a type that go into JSON, with their types and what their docstring says of them."""
    hints, said = get_type_hints(kind), _attributes(kind)
    for field in fields(kind):
        if field.metadata != PAGE_ONLY:
            yield field, hints[field.name], _in_json(said.get(field.name, ""))


def _object(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    properties = {}
    for field, hint, said in written_fields(kind):
        described = {"description": said} if said else {}
        hint = hint | None if field.metadata == UNBOUNDED else hint  # noqa: PLW2901 - what JSON cannot write is null
        properties[field.name] = {**_schema(hint, definitions), **described}
    summary = (getdoc(kind) or "").partition("\n\n")[0].replace("\n", " ")
    return {"type": "object", "description": _in_json(summary), "properties": properties, "required": list(properties)}


def _schema(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if hint in _PLAIN:
        return dict(_PLAIN[hint])
    if is_dataclass(hint):
        name = getattr(hint, "__name__", "")
        if name not in definitions:
            definitions[name] = {}  # before its fields, which may be of its own type
            definitions[name] = _object(hint, definitions)
        return {"$ref": f"#/$defs/{name}"}
    arguments = get_args(hint)
    if get_origin(hint) is Literal:
        return {"enum": list(arguments)}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _schema(arguments[0], definitions)}
    if get_origin(hint) is dict:
        return {"type": "object", "additionalProperties": _schema(arguments[1], definitions)}
    if isinstance(hint, UnionType):
        return _union([_schema(one, definitions) for one in arguments])
    raise TypeError(f"a report has no {hint}: say in report/schema.py how JSON writes it")


def _union(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return alternatives: plain types as one list, others each by itself."""
    if all(set(one) == {"type"} for one in parts):
        types = [kind for one in parts for kind in ([one["type"]] if isinstance(one["type"], str) else one["type"])]
        return {"type": list(dict.fromkeys(types))}
    return {"anyOf": parts}


def _in_json(said: str) -> str:
    """Return what a docstring says in the words of JSON."""
    return said.replace("``None``", "null").replace("``", "`")


def _attributes(kind: Any) -> dict[str, str]:
    """Return what the section ``Attributes:`` of a docstring says of each field."""
    said: dict[str, str] = {}
    names: list[str] = []
    for line in (getdoc(kind) or "").partition("Attributes:\n")[2].splitlines():
        entry = _ENTRY.match(line)
        if entry:
            names = entry[1].split(", ")
            said.update(dict.fromkeys(names, entry[2]))
        elif line.startswith("        "):
            said.update({name: f"{said[name]} {line.strip()}" for name in names})
        elif line.strip():
            break
    return said
