"""Options of texts: how they become tokens where a model does not say, and which are to be answered."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, get_args

import click

from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.tokens import Split, Standardize

_OPTIONS = (
    click.option(
        "--vocabulary",
        type=click.Path(path_type=Path),
        help="Text file with the tokens of a model without TextVectorization, one a line; the first is index 2.",
    ),
    click.option(
        "--standardize",
        type=click.Choice(get_args(Standardize)),
        help="What is done to texts before they are split [default: the model's, or lower_and_strip_punctuation].",
    ),
    click.option(
        "--split",
        type=click.Choice(get_args(Split)),
        help="Where texts are split into tokens [default: the model's, or whitespace].",
    ),
)


@dataclass(frozen=True, slots=True)
class Texts:
    """What the options say of texts; ``None`` where they leave it to the model."""

    vocabulary: Path | None
    standardize: Standardize | None
    split: Split | None


def text_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--vocabulary --standardize --split`` to a command, which gets them as ``texts``."""

    @wraps(command)
    def with_texts(*, vocabulary: Any, standardize: Any, split: Any, **others: Any) -> Any:
        return command(texts=Texts(vocabulary, standardize, split), **others)

    decorated: Callable[..., Any] = with_texts
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def read_lines(text: str) -> Iterator[str]:
    """Yield the texts that ``--text`` names: ``-`` for the lines of standard input, a file's lines, or itself.

    Raises:
        InputError: What is read is no UTF-8.
    """
    path = Path(text)
    try:
        if text == "-":
            yield from _lines(sys.stdin.buffer)
        elif _is_file(path):
            with path.open("rb") as file:
                yield from _lines(file)
        else:
            yield text
    except UnicodeDecodeError as problem:
        raise InputError(f"cannot read the texts of {text}: {problem}") from problem


def _lines(file: Any) -> Iterator[str]:
    encoding = "utf-8-sig"  # what some editors begin a file with is no part of its first word
    for line in file:
        yield line.decode(encoding).rstrip("\r\n")
        encoding = "utf-8"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False  # a text that no file could be called
