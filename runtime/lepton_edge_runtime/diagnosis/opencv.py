"""OpenCV: which of its four flavours is here, what it can do, and what it clashes with."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lepton_edge_runtime.diagnosis.finding import Finding
from lepton_edge_runtime.diagnosis.packages import install
from lepton_edge_runtime.diagnosis.surroundings import Surroundings
from lepton_edge_runtime.errors import ProbeError

FLAVOURS = (
    "opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless",
)  # fmt: skip
"""Distributions on the package index that all install into one folder, ``cv2``."""

_ABILITIES: Mapping[str, str] = {
    "windows": r"^\s*GUI:\s*(\S+)",
    "FFmpeg": r"^\s*FFMPEG:\s*(\S+)",
    "V4L2": r"^\s*v4l/v4l2:\s*(\S+)",
    "GStreamer": r"^\s*GStreamer:\s*(\S+)",
}
_WHEEL = "pip install opencv-python-headless"
_OLDEST = (4, 6)
_NEEDS_NUMPY_2 = (4, 12)


def look(at: Surroundings) -> Iterator[Finding]:
    """Yield what OpenCV is here."""
    flavours = [name for name in FLAVOURS if name in at.packages]
    if len(flavours) > 1:
        yield Finding(
            "OpenCV flavours", "problem",
            f"{' and '.join(flavours)} overwrite each other in one folder, cv2",
            f"pip uninstall -y {' '.join(flavours)} && pip install opencv-python-headless",
        )  # fmt: skip
    yield from _clash_with_numpy(at, flavours)
    try:
        answer = at.probe("cv2")
    except ProbeError as problem:
        yield _absent(at, flavours, str(problem))
        return
    origin = flavours[0] if len(flavours) == 1 else "several flavours" if flavours else "the system's own"
    yield _version(at, str(answer["version"]), origin)
    yield _abilities(answer)


def _absent(at: Surroundings, flavours: list[str], problem: str) -> Finding:
    if "No module named 'cv2'" in problem and not flavours:
        return Finding("OpenCV", "note", "not installed: no pictures, videos or cameras", install(at, "camera"))
    if "libGL" in problem or "libgthread" in problem:
        windowed = " ".join(name for name in flavours if not name.endswith("headless")) or FLAVOURS[0]
        mend = f"pip uninstall -y {windowed} && pip install opencv-python-headless, or: sudo apt install libgl1"
        return Finding("OpenCV", "problem", f"cannot be loaded on a system without a desktop: {problem}", mend)
    mend = f"pip install --force-reinstall {flavours[0] if flavours else 'opencv-python-headless'}"
    return Finding("OpenCV", "problem", f"cannot be loaded: {problem}", mend)


def _version(at: Surroundings, version: str, origin: str) -> Finding:
    if _numbers(version) < _OLDEST:
        return Finding("OpenCV", "problem", f"{version} ({origin}); 4.6 or newer is needed", install(at, "camera"))
    return Finding("OpenCV", "good", f"{version} ({origin})")


def _clash_with_numpy(at: Surroundings, flavours: list[str]) -> Iterator[Finding]:
    # The system's own OpenCV is built for the system's own numpy; only wheels can meet the wrong one.
    numpy = at.packages.get("numpy", "")
    for name in flavours:
        if numpy.startswith("1.") and _numbers(at.packages[name]) >= _NEEDS_NUMPY_2:
            yield Finding(
                "OpenCV and numpy", "problem", f"{name} {at.packages[name]} is built for numpy 2, and this is {numpy}",
                f"pip install 'numpy>=2'; where picamera2 holds numpy at 1: pip install '{name}<4.12'",
            )  # fmt: skip


def _abilities(answer: Mapping[str, Any]) -> Finding:
    found = {name: re.search(pattern, answer["build"], re.MULTILINE) for name, pattern in _ABILITIES.items()}
    has = {name: bool(match and match[1].upper() not in ("NO", "NONE")) for name, match in found.items()}
    listed = ", ".join(name if there else f"no {name}" for name, there in has.items())
    if not has["V4L2"]:
        return Finding("OpenCV abilities", "note", f"{listed}: no USB cameras", _WHEEL)
    if not has["FFmpeg"]:
        return Finding("OpenCV abilities", "note", f"{listed}: no videos, no network cameras", _WHEEL)
    return Finding("OpenCV abilities", "good", listed if has["windows"] else f"{listed}; 'run --show' needs windows")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])
