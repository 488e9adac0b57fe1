"""Python, the operating system, memory."""

from collections.abc import Iterator

from lepton_edge_runtime.diagnosis.finding import Finding
from lepton_edge_runtime.diagnosis.surroundings import Surroundings

_OLDEST, _NEWEST = (3, 11), (3, 13)
_ARCHITECTURES = ("x86_64", "aarch64")
# A MobileNetV2 with OpenCV and LiteRT stays under 110 MB; what is free should hold that and a frame or two.
_FREE_MB = 150
_MAKE_ENVIRONMENT = "python3 -m venv .venv && . .venv/bin/activate"


def look(at: Surroundings) -> Iterator[Finding]:
    """Yield what the system is."""
    yield _python(at)
    yield _architecture(at)
    yield Finding("operating system", "good", f"{_release(at)} ({at.system})")
    yield _environment(at)
    yield from _memory(at)


def _python(at: Surroundings) -> Finding:
    version = tuple(int(part) for part in at.python.split(".")[:2])
    detail = f"{at.python}, {at.pointer_bits}-bit"
    if version < _OLDEST:
        return Finding("Python", "problem", f"{detail}; 3.11 or newer is needed", "install Python 3.11, 3.12 or 3.13")
    if version > _NEWEST:
        return Finding("Python", "note", f"{detail}; the engines may have no wheels for it yet: 3.11 to 3.13 are tried")
    return Finding("Python", "good", detail)


def _architecture(at: Surroundings) -> Finding:
    if at.pointer_bits == 32 and at.architecture in _ARCHITECTURES:
        detail = f"the kernel is 64-bit ({at.architecture}), the programs are 32-bit: there are no 32-bit engines"
        return Finding("architecture", "problem", detail, "install the 64-bit image of the operating system")
    if at.pointer_bits == 32 or at.architecture not in _ARCHITECTURES:
        detail = f"{at.architecture}, {at.pointer_bits}-bit; the engines exist for 64-bit x86-64 and Arm (aarch64) only"
        return Finding("architecture", "problem", detail, "install the 64-bit image of the operating system")
    return Finding("architecture", "good", at.architecture)


def _release(at: Surroundings) -> str:
    lines = (at.read("etc/os-release") or "").splitlines()
    return next((line.split("=", 1)[1].strip('"') for line in lines if line.startswith("PRETTY_NAME=")), "unknown")


def _environment(at: Surroundings) -> Finding:
    if at.environment:
        return Finding("virtual environment", "good", "this Python has its own packages")
    if at.managed:
        detail = "this is the system's own Python, and its pip refuses to install (externally managed)"
        return Finding("virtual environment", "note", detail, _MAKE_ENVIRONMENT)
    return Finding("virtual environment", "note", "none: packages are shared with the whole system", _MAKE_ENVIRONMENT)


def _memory(at: Surroundings) -> Iterator[Finding]:
    sizes = dict(line.split(":", 1) for line in (at.read("proc/meminfo") or "").splitlines() if ":" in line)
    try:
        total, free = (int(sizes[key].split()[0]) // 1024 for key in ("MemTotal", "MemAvailable"))
    except (KeyError, ValueError, IndexError):
        return
    detail = f"{free:,} of {total:,} MB available"
    if free < _FREE_MB:
        detail += f"; running a model on a camera takes about {_FREE_MB}"
        yield Finding("memory", "note", detail, "stop other programs; on a Raspberry Pi, boot without the desktop")
    else:
        yield Finding("memory", "good", detail)
