"""What decides the bytes of a bundle beside model, data and recipe: Python, packages, processor."""

import hashlib
import platform
from functools import cache
from pathlib import Path

import msgspec

import lepton_edge_converters
import lepton_edge_runtime
from lepton_edge_converters.stages.digest import digest
from lepton_edge_runtime.installed import installed_versions, our_version
from lepton_edge_runtime.machine import read_processor

COMPUTING = (
    "ai-edge-litert", "flatbuffers", "h5py", "keras", "ml-dtypes", "msgspec", "numpy", "onnx", "onnxruntime",
    "opencv-contrib-python", "opencv-contrib-python-headless", "opencv-python", "opencv-python-headless", "protobuf",
    "tensorflow", "tensorflow-model-optimization", "tf-keras", "tf2onnx",
)  # fmt: skip
"""Packages that compute or write something that ends up in a bundle; those that are installed count."""


class Toolchain(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a bundle was made with: the same bytes are promised for the same.

    Attributes:
        python: Its version.
        architecture: Of the processor, such as ``x86_64``.
        features: Of the processor, those that make engines choose other kernels; sorted.
        packages: Version of Lepton Edge, and of each package of ``COMPUTING`` that is installed.
    """

    python: str
    architecture: str
    features: tuple[str, ...]
    packages: dict[str, str]


def read_toolchain() -> Toolchain:
    """Return what a bundle would be made with here and now."""
    installed = installed_versions()
    return Toolchain(
        python=platform.python_version(),
        architecture=platform.machine(),
        features=tuple(sorted(read_processor().features)),
        packages={"lepton-edge": our_version(), **{name: installed[name] for name in COMPUTING if name in installed}},
    )


def surroundings() -> str:
    """Return one SHA-256 of all that a stage depends on beside what it is given.

    More than the toolchain: the very lines of our own code, since a checkout changes under one version, and the C
    library, whose ``exp`` may differ in the last digit.
    """
    return digest(read_toolchain(), _own_code(), platform.libc_ver())


@cache
def _own_code() -> str:
    """Return the SHA-256 of all that Lepton Edge is made of on both sides."""
    hashed = hashlib.sha256()
    for package in (lepton_edge_converters, lepton_edge_runtime):
        home = Path(package.__path__[0])
        for path in sorted(one for one in home.rglob("*") if one.is_file() and one.suffix != ".pyc"):
            hashed.update(f"{path.relative_to(home).as_posix()} ".encode())
            hashed.update(hashlib.sha256(path.read_bytes()).digest())
    return hashed.hexdigest()
