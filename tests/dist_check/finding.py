"""A check, carried out somewhere."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass


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
    """Return what a check found; its sentence is the first line of its docstring."""
    sentence = (inspect.getdoc(check) or check.__name__).splitlines()[0]
    return Finding(where, sentence, tuple(problems))
