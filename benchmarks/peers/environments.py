"""An environment a peer: a folder with its packages, each in the version that is written down here."""

import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from benchmarks.peers.rows import ENVIRONMENTS, PINS, Environment

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES_OF_OURS = ("lepton_edge", "runtime/lepton_edge_runtime", "converters/lepton_edge_converters")
_IN_EVERY_ONE = ("pip", "setuptools", "wheel", "_distutils_hack")


class NoPythonError(Exception):
    """The Python that an environment must have is not here."""


def python_of(folder: Path, name: str) -> Path:
    """Return an environment's interpreter, whether it is there or not."""
    return folder / name / "venv" / "bin" / "python"


def set_up(folder: Path, name: str, pythons: Sequence[str]) -> None:
    """Make an environment; one that is there with the same packages stays.

    Args:
        folder: Where all of them are.
        name: Row of ``ENVIRONMENTS``.
        pythons: Interpreters that may be used where another than this is needed, beside those on the path.

    Raises:
        NoPythonError: It must have another Python, which is not here.
        CalledProcessError: Packages cannot be had.
    """
    pins = (PINS / f"{name}.txt").read_text(encoding="ascii")
    done = folder / name / "packages.txt"
    if done.exists() and done.read_text(encoding="ascii") == pins:
        return
    place = folder / name / "venv"
    shutil.rmtree(place, ignore_errors=True)
    subprocess.run([_interpreter(ENVIRONMENTS[name], pythons), "-m", "venv", place], check=True)
    # The list is whole: nothing is looked for that it does not name.
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--requirement", PINS / f"{name}.txt"]
    subprocess.run([python_of(folder, name), *install], check=True)
    done.write_text(pins, encoding="ascii")


def import_path(name: str) -> str:
    """Return what the processes of an environment find beside its packages: this library, where it is measured."""
    return f"{_ROOT}:{_ROOT / 'runtime'}:{_ROOT / 'converters'}" if ENVIRONMENTS[name].ours else ""


def installed_mb(folder: Path, name: str) -> float:
    """Return the megabytes of an environment's packages, without compiled bytecode and without pip itself."""
    packages = next((folder / name / "venv" / "lib").glob("python*/site-packages"))
    kept = [one for one in packages.iterdir() if not one.name.startswith(_IN_EVERY_ONE)]
    if ENVIRONMENTS[name].ours:
        kept += [_ROOT / one for one in _PACKAGES_OF_OURS]
    return sum(file.stat().st_size for file in _files(kept)) / 1e6


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        inside = place.rglob("*") if place.is_dir() else [place]
        yield from (one for one in inside if one.is_file() and one.suffix != ".pyc")


def _interpreter(environment: Environment, pythons: Sequence[str]) -> str:
    if not environment.python:
        return sys.executable
    for one in (*pythons, f"python{environment.python}"):
        path = shutil.which(one)
        if path and _version(path) == environment.python:
            return path
    raise NoPythonError(f"it needs Python {environment.python}, which is not here; --python PATH tells where it is")


def _version(python: str) -> str:
    said = "import sys; print(*sys.version_info[:2], sep='.')"
    done = subprocess.run([python, "-c", said], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def report(folder: Path, names: Iterable[str], pythons: Sequence[str]) -> list[str]:
    """Set environments up one after the other; return those that cannot be, each with its reason."""
    refused = []
    for name in names:
        click.echo(f"{name} …", err=True)
        try:
            set_up(folder, name, pythons)
        except NoPythonError as error:
            refused.append(f"{name}: {error}")
        except subprocess.CalledProcessError as error:
            refused.append(f"{name}: pip ended with code {error.returncode}")
    return refused
