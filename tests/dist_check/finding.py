"""A check, carried out somewhere."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dist_check.processes import ProcessFailedError


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        where: The kit or the file.
        check: What must be true, one sentence.
        problems: Why it is not; empty where it is.
    """

    where: str
    check: str
    problems: tuple[str, ...]


def finding(where: str, check: Callable[..., Iterable[str]], problems: Iterable[str]) -> Finding:
    """Return what a check found, a command that failed included; its sentence is the first line of its docstring."""
    sentence = (inspect.getdoc(check) or check.__name__).splitlines()[0]
    found: list[str] = []
    try:
        found.extend(problems)
    except ProcessFailedError as failed:
        found.append(str(failed))
    return Finding(where, sentence, tuple(found))
