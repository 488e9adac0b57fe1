"""Numbers on the command line that come several at a time: ``1,2,4``."""

import click


def number_list(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Return whole numbers from 1, written with commas between them; a callback of an option."""
    if value is None:
        return None
    words = [word.strip() for word in value.split(",")]
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        raise click.BadParameter(f"{value!r} is no list of numbers from 1; write 1,2,4", ctx, param)
    return tuple(map(int, words))
