"""Write the report's schema, and the tables of docs/report.md and docs/search.md; ``--print`` prints all instead."""

import json
import sys
from dataclasses import Field, is_dataclass
from inspect import getdoc
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from lepton_edge_converters import report
from lepton_edge_converters.report.layers import UNBOUNDED
from lepton_edge_converters.report.schema import json_schema, written_fields
from lepton_edge_converters.search import found

SCHEMA = Path(report.__file__).with_name("report.schema.json")
PAGES: dict[Path, Any] = {
    Path(__file__).with_name("report.md"): report.Report,
    Path(__file__).with_name("search.md"): found.Search,
}
"""Of each page the type that its tables begin with."""

_BEGIN, _END = "<!-- keys -->\n", "<!-- end -->\n"
_VERSION = ("`schema`", "1", "Version of this format.")
_PASSED = ("`passed`", "bool", "Whether all gates passed, and so the bundle was written.")
_WHOLE: dict[Any, tuple[str, list[tuple[str, str, str]]]] = {
    report.Report: ("The report", [_VERSION, _PASSED]),
    found.Search: ("The search", [_VERSION]),
}
"""Of what a file holds: its title, and the keys that its type does not have."""


def schema() -> str:
    """Return the schema as it is shipped."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def page(path: Path) -> str:
    """Return a whole page, its tables written anew."""
    head, _, rest = path.read_text(encoding="utf-8").partition(_BEGIN)
    return f"{head}{_BEGIN}{_tables(PAGES[path])}{_END}{rest.partition(_END)[2]}"


def _tables(whole: Any) -> str:
    kinds: list[Any] = [whole]
    for kind in kinds:  # grows while it is walked: a type, then those that it is made of
        for _, hint, _ in written_fields(kind):
            kinds += [one for one in _inside(hint) if one not in kinds]
    return "".join(_table(kind) for kind in kinds)


def _inside(hint: Any) -> list[Any]:
    if is_dataclass(hint):
        return [hint]
    return [one for argument in get_args(hint) for one in _inside(argument)]


def _table(kind: Any) -> str:
    summary = (getdoc(kind) or "").partition("\n\n")[0].replace("\n", " ")
    title, ours = _WHOLE.get(kind, (f"`{kind.__name__}`", []))
    lines = [*ours, *((f"`{field.name}`", _type(field, hint), said) for field, hint, said in written_fields(kind))]
    width = 3 if any(said for _, _, said in lines) else 2
    heading = ("key", "type", "")
    table = [heading[:width], ("---",) * width, *(line[:width] for line in lines)]
    return "\n".join([f"### {title}\n", f"{summary}\n", *(f"| {' | '.join(cells)} |" for cells in table)]) + "\n\n"


def _type(field: Field[Any], hint: Any) -> str:
    return f"{_in_words(hint)} or null" if field.metadata == UNBOUNDED else _in_words(hint)


def _in_words(hint: Any) -> str:
    arguments = get_args(hint)
    if not arguments:
        name = {"NoneType": "null", "Path": "str"}.get(hint.__name__, hint.__name__)
        return f"`{name}`" if is_dataclass(hint) else name
    if hint.__class__.__name__ == "UnionType":
        return " or ".join(map(_in_words, arguments))
    if get_origin(hint) is Literal:
        return " or ".join(f"`{one}`" for one in arguments)
    return f"object of {_in_words(arguments[1])}" if hint.__origin__ is dict else f"list of {_in_words(arguments[0])}"


if __name__ == "__main__":
    if "--print" in sys.argv:
        sys.stdout.write("".join(map(page, PAGES)) + schema())
    else:
        for path in PAGES:
            path.write_text(page(path), encoding="utf-8")
        SCHEMA.write_text(schema(), encoding="utf-8")
