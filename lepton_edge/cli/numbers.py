"""Numbers on the command line that come several at a time: ``1,2,4``."""

from math import inf

import click


def number_list(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Return whole numbers from 1, written with commas between them; a callback of an option."""
    if value is None:
        return None
    words = [word.strip() for word in value.split(",")]
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        raise click.BadParameter(f"{value!r} is no list of numbers from 1; write 1,2,4", ctx, param)
    return tuple(map(int, words))


def real_list(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """Return numbers over 0, written with commas between them; a callback of an option."""
    if value is None:
        return None
    try:
        numbers = tuple(float(word) for word in value.split(","))
    except ValueError:
        numbers = ()
    if not numbers or not all(0 < one < inf for one in numbers):
        raise click.BadParameter(f"{value!r} is no list of numbers over 0; write 1,1.5,2", ctx, param)
    return numbers
