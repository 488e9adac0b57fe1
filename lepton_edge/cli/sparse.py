"""The options that make weights sparse: what is said becomes the recipe's ``sparsity``."""

from collections.abc import Callable
from typing import Any

import click


def _zeros(context: click.Context, parameter: click.Parameter, value: str | None) -> float | str | None:
    del context, parameter
    if value is None or ":" in value:
        return value  # the recipe says what is wrong with a pattern
    try:
        return float(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is neither a share, such as 0.8, nor a pattern, such as 2:4") from None


_OPTIONS = (
    click.option(
        "--sparsity",
        "zeros",
        callback=_zeros,
        metavar="SHARE|N:M",
        help="Make this share of each layer's weights zero, 0.8 say, or leave N of each M, 2:4 say: a smaller "
        "download, no faster model. The samples that do not judge train it; see docs/sparsity.md.",
    ),
    click.option(
        "--clusters",
        type=click.IntRange(3, 256),
        metavar="NUMBER",
        help="Let the weights of a layer have this many different values, 16 say, likewise.",
    ),
)


def sparse_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options ``zeros``, a share or a pattern, and ``clusters``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
