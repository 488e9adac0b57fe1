"""The options that say what the report's page shows of the samples."""

from collections.abc import Callable
from typing import Any

import click

_OPTIONS = (
    click.option(
        "--explain",
        type=click.IntRange(1),
        metavar="N",
        help="Compare in N judged pictures where the float file and the converted one look; 800 runs a picture.",
    ),
    click.option("--no-images", is_flag=True, help="Leave the pictures of samples out of the report's page."),
)


def page_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options ``explain``, a number of pictures, and ``no_images``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
