"""Where the doctor looks: every path and question in one place, so that another machine can stand in for this one."""

import grp
import os
import platform
import shutil
import struct
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lepton_edge_runtime.children import ask_child
from lepton_edge_runtime.installed import installed_versions
from lepton_edge_runtime.machine import ROOT, usable_cores

_ANSWER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A machine as the doctor sees it.

    Attributes:
        root: Folder that stands for ``/``.
        architecture: Of the kernel, as ``uname -m`` says: ``x86_64``, ``aarch64``, ``armv7l`` …
        pointer_bits: Of this Python: 64 or 32.
        python: Its version.
        system: ``Linux`` and the kernel's version.
        environment: Whether this Python is in a virtual environment.
        managed: Whether pip refuses to install outside one here (PEP 668).
        cores: That this process may use.
        packages: Versions of installed packages, by normalized name.
        which: Path of a program, ``None`` if there is none.
        ask: Output of a program, ``None`` if it fails.
        may_use: Whether this user may read and write a device.
        group_of: Name of the group that owns a device.
        probe: Answers of a fresh process that loads one thing; raises ProbeError.
    """

    root: Path
    architecture: str
    pointer_bits: int
    python: str
    system: str
    environment: bool
    managed: bool
    cores: int
    packages: Mapping[str, str]
    which: Callable[[str], str | None]
    ask: Callable[[Sequence[str]], str | None]
    may_use: Callable[[Path], bool]
    group_of: Callable[[Path], str]
    probe: Callable[[str], Mapping[str, Any]]

    def read(self, path: str) -> str | None:
        """Return a file's text under ``root``, without NULs and outer spaces; ``None`` if it cannot be read."""
        try:
            text = (self.root / path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        return text.replace("\0", "").strip()

    @property
    def board(self) -> str:
        """Model of a Raspberry Pi or another board with a device tree; empty on a PC."""
        return self.read("proc/device-tree/model") or ""

    @property
    def is_raspberry_pi(self) -> bool:
        """Whether this is a Raspberry Pi."""
        return "Raspberry Pi" in self.board


def here() -> Surroundings:
    """Return this machine."""
    return Surroundings(
        root=ROOT,
        architecture=platform.machine(),
        pointer_bits=struct.calcsize("P") * 8,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()}",
        environment=sys.prefix != sys.base_prefix,
        managed=(Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED").exists(),
        cores=usable_cores(),
        packages=installed_versions(),
        which=shutil.which,
        ask=_ask,
        may_use=lambda path: os.access(path, os.R_OK | os.W_OK),
        group_of=_group_of,
        probe=lambda name: ask_child("diagnosis.probe", name),
    )


def _ask(command: Sequence[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=_ANSWER_SECONDS, text=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _group_of(path: Path) -> str:
    number = path.stat().st_gid
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)  # a container may not know the group's name
