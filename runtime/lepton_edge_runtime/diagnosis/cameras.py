"""Cameras: which there are, whether this user may use them, and the programs for those on a ribbon cable."""

from collections.abc import Iterator
from pathlib import Path

from lepton_edge_runtime.diagnosis.finding import Finding
from lepton_edge_runtime.diagnosis.surroundings import Surroundings

_PIPES = ("rpicam-vid", "libcamera-vid")  # the second is the first's older name
# What a Raspberry Pi's kernel calls its codecs, image processors and raw sensor ports: none gives pictures by itself.
_NO_CAMERAS = ("bcm2835-codec", "bcm2835-isp", "pispbe", "rpivid", "rpi-hevc")
_RAW_PORTS = ("unicam", "rp1-cfe")


def look(at: Surroundings) -> Iterator[Finding]:
    """Yield the cameras."""
    devices = [(path, name) for path, name in _devices(at) if not name.startswith((*_NO_CAMERAS, *_RAW_PORTS))]
    ribbon = any(name.startswith(_RAW_PORTS) for _, name in _devices(at))
    for path, name in devices:
        yield _camera(at, path, name)
    if not devices and not ribbon:
        yield Finding("cameras", "note", "none (no /dev/video* that gives pictures)")
    if at.is_raspberry_pi or ribbon:
        yield _pipe(at, ribbon=ribbon)


def _devices(at: Surroundings) -> list[tuple[Path, str]]:
    """Return each video device that is the first of its camera, with the camera's name."""
    found = []
    for path in (at.root / "dev").glob("video*"):
        number = path.name.removeprefix("video")
        facts = f"sys/class/video4linux/{path.name}"
        # The further nodes of a USB camera carry metadata, no pictures.
        if number.isdecimal() and at.read(f"{facts}/index") in (None, "0"):
            found.append((int(number), path, at.read(f"{facts}/name") or "unnamed"))
    return [(path, name) for _, path, name in sorted(found)]


def _camera(at: Surroundings, path: Path, name: str) -> Finding:
    what = f"camera {path.name.removeprefix('video')}"
    if at.may_use(path):
        return Finding(what, "good", f"{name} (/dev/{path.name})")
    group = at.group_of(path)
    detail = f"{name} (/dev/{path.name}) belongs to the group {group}, and this user is not in it"
    return Finding(what, "problem", detail, f"sudo usermod -aG {group} $USER, then log out and in again")


def _pipe(at: Surroundings, *, ribbon: bool) -> Finding:
    for program in _PIPES:
        found = at.which(program)
        if found:
            return Finding("ribbon cameras", "good", f"{found} reads them" + ("" if ribbon else "; none is seen now"))
    detail = "neither rpicam-vid nor libcamera-vid is installed, which read cameras on the ribbon cable"
    return Finding("ribbon cameras", "problem" if ribbon else "note", detail, "sudo apt install rpicam-apps")
