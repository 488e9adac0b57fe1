"""What the built files hold, and what they say of themselves."""

import re
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from email import message_from_string
from email.message import Message
from pathlib import Path

from dist_check.builds import PROJECTS, ROOT, Built
from dist_check.finding import Finding, finding
from dist_check.kits import FULL, KITS, RUNTIME

_PACKAGES = {
    FULL: ("lepton_edge", "runtime/lepton_edge_runtime", "converters/lepton_edge_converters"),
    RUNTIME: ("runtime/lepton_edge_runtime",),
}
_NEEDED = {
    FULL: {
        "lepton_edge/py.typed",
        "lepton_edge_converters/py.typed",
        "lepton_edge_converters/recipes/int8.toml",
        "lepton_edge_converters/report/report.schema.json",
        "lepton_edge_converters/report/templates/page.html",
        "lepton_edge_converters/search/templates/search.html",
        "lepton_edge_runtime/py.typed",
        "lepton_edge_runtime/backends/saturation_probe.onnx",
    },
    RUNTIME: {"lepton_edge_runtime/py.typed", "lepton_edge_runtime/backends/saturation_probe.onnx"},
}
_SDIST_NEEDED = {"LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}
_SDIST_PRIVATE = (".ci", ".git", ".venv", "build", "dist")


def check_contents(distributions: Mapping[str, Built]) -> Iterator[Finding]:
    """Carry out every check of the files of both distributions."""
    for name, built in distributions.items():
        for check in (check_sdist, check_both_routes, check_wheel_files, check_metadata):
            yield finding(built.wheel.name, check, check(name, built))
    yield finding("both", check_one_version, check_one_version(distributions.values()))


def check_sdist(name: str, built: Built) -> Iterator[str]:
    """The source archive has the licence, the README and the packages, and nothing private."""
    with tarfile.open(built.sdist) as archive:
        inside = {one.name.split("/", 1)[1] for one in archive if one.isfile()}
    yield from (f"{path} is not in it" for path in sorted(_SDIST_NEEDED - inside))
    project = PROJECTS[name].relative_to(ROOT)
    packages = {str((ROOT / one).relative_to(ROOT / project)) for one in _PACKAGES[name]}
    yield from (f"{one} is not in it" for one in sorted(packages) if not any(path.startswith(one) for path in inside))
    yield from (f"{path} is in it" for path in sorted(inside) if path.split("/")[0] in _SDIST_PRIVATE)


def check_both_routes(name: str, built: Built) -> Iterator[str]:
    """The wheel from the source archive is, byte for byte, the wheel from the tree."""
    del name
    if built.wheel.read_bytes() != built.tree_wheel.read_bytes():
        ours, theirs = _members(built.wheel), _members(built.tree_wheel)
        unlike = ", ".join(sorted(ours ^ theirs)) or "the same files, other bytes"
        yield f"they differ: {unlike}"


def check_wheel_files(name: str, built: Built) -> Iterator[str]:
    """The wheel holds its packages' files, all of them and no others."""
    inside = {member for member in _members(built.wheel) if ".dist-info/" not in member}
    expected = {
        f"{Path(package).name}/{path.relative_to(ROOT / package)}"
        for package in _PACKAGES[name]
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    yield from (f"{path} is not in it" for path in sorted((expected | _NEEDED[name]) - inside))
    yield from (f"{path} is in it" for path in sorted(inside - expected))


def check_metadata(name: str, built: Built) -> Iterator[str]:
    """The wheel says who it is: name, licence, README, Python versions, extras."""
    metadata = _metadata(built.wheel)
    project = tomllib.loads((PROJECTS[name] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    readme = (PROJECTS[name] / "README.md").read_text(encoding="utf-8")
    licence = [member for member in _members(built.wheel) if member.endswith(".dist-info/licenses/LICENSE")]
    said = {
        "name": (metadata["Name"], name),
        "licence": (metadata["License-Expression"], "Apache-2.0"),
        "licence file": (len(licence), 1),
        "README": (str(metadata.get_payload()).strip(), readme.strip()),
        "README's type": (metadata["Description-Content-Type"], "text/markdown"),
        "Python": (metadata["Requires-Python"], ">=3.11"),
        "classifiers": (metadata.get_all("Classifier"), project["classifiers"]),
        "extras": (set(metadata.get_all("Provides-Extra") or ()), _extras_installed(name)),
    }
    yield from (f"its {what} is {found!r}, not {right!r}" for what, (found, right) in said.items() if found != right)
    needs = metadata.get_all("Requires-Dist") or []
    yield from (f"it asks for {need}" for need in needs if re.match(r"torch\b", need))


def check_one_version(built: Iterable[Built]) -> Iterator[str]:
    """Both wheels are of one version."""
    versions = {_metadata(one.wheel)["Version"] for one in built}
    if len(versions) != 1:
        yield f"they are of {', '.join(sorted(versions))}"


def _extras_installed(name: str) -> set[str]:
    """Return the extras that the kits install: one that none installs would go untried."""
    return {kit.extra for kit in KITS if kit.distribution == name and kit.extra}


def _members(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        [path] = [member for member in archive.namelist() if member.endswith(".dist-info/METADATA")]
        return message_from_string(archive.read(path).decode("utf-8"))
