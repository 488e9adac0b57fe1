"""What is installed, read from the packages' metadata: nothing is imported, and nothing can crash."""

import re

OURS = ("lepton-edge", "lepton-edge-runtime")
"""The two wheels that hold this package: the full one, and the device's."""


def installed_version(distribution: str) -> str | None:
    """Return the version of an installed package, ``None`` if it is not there."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - 60 ms, and no plain load needs it

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def installed_versions() -> dict[str, str]:
    """Return the version of every installed package, by its normalized name: lower case, with dashes."""
    from importlib.metadata import distributions  # noqa: PLC0415 - 60 ms, and no plain load needs it

    found: dict[str, str] = {}
    for one in distributions():
        name = one.name
        if name:  # a broken one has none
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), one.version or "of unknown version")
    return found


def our_version() -> str:
    """Return the version of Lepton Edge, or ``"unknown"`` where it runs without being installed."""
    return next(filter(None, map(installed_version, OURS)), "unknown")
