"""Classes of the user's own that a model file is made of."""

import re
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from lepton_edge_converters.errors import LoadError

# Keras 3's words, and those of Keras 2.
_UNKNOWN = re.compile(r"Could not locate (?:class|function) '([^']+)'|Unknown [a-z ]+: '?([\w>]+)'?")


def find_custom(names: Iterable[str]) -> dict[str, Any]:
    """Return the objects called ``module:Name``, by ``Name``; a ``module`` alone is imported to register its own.

    Raises:
        LoadError: There is no such module, or nothing of that name in it.
    """
    found: dict[str, Any] = {}
    for name in names:
        module, _, attribute = name.partition(":")
        try:
            content = import_module(module)
        except ImportError as problem:
            raise LoadError(f"cannot import {module!r} (--custom {name}): {problem}") from problem
        if not attribute:
            continue
        if not hasattr(content, attribute):
            raise LoadError(f"the module {module!r} has no {attribute!r} (--custom {name})")
        found[attribute] = getattr(content, attribute)
    return found


def unknown_name(problem: Exception) -> str | None:
    """Return the class or function that Keras did not know, if that is what the problem is."""
    match = _UNKNOWN.search(str(problem))
    return next(group for group in match.groups() if group).rsplit(">", maxsplit=1)[-1] if match else None
