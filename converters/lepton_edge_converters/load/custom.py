"""What is the user's own, found by its name: the classes that a model file is made of, and more."""

import re
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from lepton_edge_converters.errors import LoadError
from lepton_edge_runtime.errors import LeptonError

# Keras 3's words, and those of Keras 2.
_UNKNOWN = re.compile(r"Could not locate (?:class|function) '([^']+)'|Unknown [a-z ]+: '?([\w>]+)'?")


def find_custom(names: Iterable[str]) -> dict[str, Any]:
    """Return the objects called ``module:Name``, by ``Name``; a ``module`` alone is imported to register its own.

    Raises:
        LoadError: There is no such module, or nothing of that name in it.
    """
    found = {name.partition(":")[2]: find_object(name, option="--custom", error=LoadError) for name in names}
    return {attribute: value for attribute, value in found.items() if attribute}


def find_object(name: str, *, option: str, error: type[LeptonError]) -> Any:
    """Return the object called ``module:Name``, or the module where that is all there is.

    Args:
        name: Whose name it is.
        option: That said so, for the message.
        error: Raised if there is no such module, or nothing of that name in it.
    """
    module, _, attribute = name.partition(":")
    try:
        content = import_module(module)
    except ImportError as problem:
        raise error(f"cannot import {module!r} ({option} {name}): {problem}") from problem
    if not attribute:
        return content
    if not hasattr(content, attribute):
        raise error(f"the module {module!r} has no {attribute!r} ({option} {name})")
    return getattr(content, attribute)


def unknown_name(problem: Exception) -> str | None:
    """Return the class or function that Keras did not know, if that is what the problem is."""
    match = _UNKNOWN.search(str(problem))
    return next(group for group in match.groups() if group).rsplit(">", maxsplit=1)[-1] if match else None
