"""``NAME.point.json``: what a point was made of, so that it is made once."""

from pathlib import Path

import msgspec

from lepton_edge_converters.errors import LockError
from lepton_edge_converters.lock import BUNDLE, hash_artefacts, read_lock
from lepton_edge_runtime.atomic import replacing
from lepton_edge_runtime.errors import BundleError, OutputError


class Stamp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is known of a point beside its bundle and report.

    Attributes:
        key: SHA-256 of all that it depends on: model, samples, recipe, what was said, versions.
        done: Whether it was carried out to its end.
        refused: What the recipe's own gates refused, one sentence each.
        problem: Why there is no bundle; empty where there is one.
    """

    key: str
    done: bool = False
    refused: tuple[str, ...] = ()
    problem: str = ""


def stamp_path(bundle: Path) -> Path:
    """Return where the stamp of a point lies: beside its bundle."""
    return bundle.with_suffix(".point.json")


def write_stamp(bundle: Path, stamp: Stamp) -> None:
    """Write a point's stamp.

    Raises:
        OutputError: It cannot be written.
    """
    try:
        with replacing(stamp_path(bundle)) as file:
            file.write(msgspec.json.format(msgspec.json.encode(stamp)) + b"\n")
    except OSError as problem:
        raise OutputError(f"cannot write {stamp_path(bundle)}: {problem.strerror or problem}") from problem


def read_stamp(bundle: Path) -> Stamp | None:
    """Return a point's stamp; ``None`` where there is none that can be read."""
    try:
        return msgspec.json.decode(stamp_path(bundle).read_bytes(), type=Stamp)
    except (OSError, msgspec.DecodeError):  # which a ValidationError is, too
        return None


def finished(bundle: Path, key: str) -> Stamp | None:
    """Return the stamp of a point that need not be made again; ``None`` where something of it is missing or changed."""
    stamp = read_stamp(bundle)
    if stamp is None or stamp.key != key or not stamp.done:
        return None
    return stamp if stamp.problem or _whole(bundle) else None


def _whole(bundle: Path) -> bool:
    """Return whether bundle, lock and report are there, and the bundle is the one that the lock is of."""
    try:
        same = hash_artefacts(bundle)[BUNDLE] == read_lock(bundle).artefacts.get(BUNDLE)
    except (OSError, BundleError, LockError):
        return False
    return same and bundle.with_suffix(".report.json").is_file()
