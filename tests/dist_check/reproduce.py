"""``python -m dist_check.reproduce``: one model, converted in two clean environments, must give the same bytes.

The two differ in all that must not matter: where they lie, the working folder, the seed of Python's hashes, locale,
time zone, temporary and home folder, and what the shell asks of TensorFlow.
"""

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from dist_check.builds import ROOT, build_all
from dist_check.environment import Environment
from dist_check.kits import FULL
from dist_check.processes import must_run
from dist_check.subject import CONVERT_OPTIONS, make_subject

_WRITTEN = ("out.lepton", "out.lepton.lock")


PLACES: Mapping[str, Mapping[str, str]] = {
    "one": {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "UTC", "TF_ENABLE_ONEDNN_OPTS": "1"},
    "another/far from/it": {
        "PYTHONHASHSEED": "4711", "LC_ALL": "C.UTF-8", "TZ": "Asia/Kathmandu", "TF_ENABLE_ONEDNN_OPTS": "0",
    },
}  # fmt: skip
"""Folders of the environments, and what is peculiar to each."""


@click.command()
@click.argument("arguments", nargs=-1)
def main(arguments: tuple[str, ...]) -> None:
    """Convert in two clean environments and compare, byte for byte.

    ARGUMENTS are those of 'lepton-edge convert' but for the output, paths in them absolute; by default a small model.
    """
    with tempfile.TemporaryDirectory(prefix="lepton-edge-reproduce-") as temporary:
        folder = Path(temporary)
        with ThreadPoolExecutor(2) as pool:
            click.echo("building, and training a small model …", err=True)
            wheel = build_all(folder / "built", pool)[FULL].wheel
        subject = None if arguments else make_subject(folder / "subject").folder
        # One after the other: each environment is 2.4 GB, and goes before the next one comes.
        found = [_convert(folder, place, wheel, subject, arguments) for place in PLACES]
    for name in _WRITTEN:
        for place, written in zip(PLACES, found, strict=True):
            click.echo(f"{written[name]}  {place}/{name}")
    alike = found[0] == found[1]
    click.echo("the same bytes" if alike else "OTHER bytes", err=True)
    sys.exit(0 if alike else 1)


def _convert(folder: Path, place: str, wheel: Path, subject: Path | None, arguments: Sequence[str]) -> dict[str, str]:
    """Return the SHA-256 of what a conversion wrote in an environment of its own."""
    home = folder / place
    work = home / "work"
    work.mkdir(parents=True)
    environment = Environment(home / "environment", sys.executable)
    environment.install(f"{wheel}[convert]", ROOT / "constraints.txt")
    if subject is not None:
        shutil.copytree(subject, work, dirs_exist_ok=True)
        arguments = ["patterns.keras", *CONVERT_OPTIONS]
    command: list[str | Path] = [environment.folder / "bin" / "lepton-edge", "convert", *arguments]
    own = {**PLACES[place], "HOME": str(home), "TMPDIR": str(home)}
    must_run([*command, "-o", "out.lepton", "--no-cache"], cwd=work, surroundings=own)
    shutil.rmtree(environment.folder)
    return {name: hashlib.sha256((work / name).read_bytes()).hexdigest() for name in _WRITTEN}


if __name__ == "__main__":
    main()
