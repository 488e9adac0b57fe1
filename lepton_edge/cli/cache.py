"""The user's cache folder: the command line finds it and passes it on; the library never looks."""

import os
from pathlib import Path

import click

cache_option = click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the choices that 'lepton-edge tune' stored.  [default: $XDG_CACHE_HOME/lepton-edge, else "
    "~/.cache/lepton-edge]",
)
stage_cache_option = click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of what earlier runs made of the same model, samples and settings.  [default: "
    "$XDG_CACHE_HOME/lepton-edge, else ~/.cache/lepton-edge]",
)
no_stage_cache_option = click.option("--no-cache", is_flag=True, help="Do everything anew, and keep nothing.")
no_cache_option = click.option("--no-cache", is_flag=True, help="Do not look for a choice that tune stored.")


def cache_folder(given: Path | None, *, unused: bool = False) -> Path | None:
    """Return the folder to look in: the one given, else the user's own; ``None`` if there is to be none."""
    if unused:
        if given is not None:
            raise click.UsageError("--cache and --no-cache contradict each other")
        return None
    return given or user_cache()


def user_cache() -> Path | None:
    """Return where this user's caches lie by the XDG specification; ``None`` for a user without a home."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if named.is_absolute():  # the specification has relative ones ignored
        return named / "lepton-edge"
    try:
        return Path.home() / ".cache" / "lepton-edge"
    except RuntimeError:
        return None
