"""Packages: which part of Lepton Edge has what it needs, and which of them stand in each other's way."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lepton_edge_runtime.diagnosis.finding import Finding
from lepton_edge_runtime.diagnosis.surroundings import Surroundings
from lepton_edge_runtime.installed import OURS


@dataclass(frozen=True, slots=True)
class Part:
    """A row of ``PARTS``: what a part is for, and the packages that it needs beyond those of other parts.

    ``workstation`` parts are none of the runtime-only wheel's.
    """

    purpose: str
    packages: tuple[str, ...]
    workstation: bool = False


PARTS: Mapping[str, Part] = {
    "": Part("everything", ("numpy", "msgspec")),
    "tflite": Part("running .tflite models", ("ai-edge-litert", "flatbuffers")),
    "onnx": Part("running .onnx models", ("onnxruntime",)),
    "convert": Part(
        "converting Keras models",
        ("tensorflow", "keras", "tf-keras", "tensorflow-model-optimization", "onnx", "tf2onnx", "rich", "jinja2"),
        workstation=True,
    ),
    "demo": Part("the demo", ("scikit-learn",), workstation=True),
}
"""By extra; OpenCV has four flavours, and a module of its own."""

ENGINES = ("tflite", "onnx")
_COMMAND_LINE = "click"  # a base package of the full wheel, which the runtime-only wheel has no use for


def look(at: Surroundings) -> Iterator[Finding]:
    """Yield what is installed of each part."""
    yield from _ours(at)
    found = {extra: all(package in at.packages for package in part.packages) for extra, part in PARTS.items()}
    for extra, part in PARTS.items():
        if not (part.workstation and _runtime_only(at)):
            yield _part(at, extra, part)
    if OURS[0] in at.packages and _COMMAND_LINE not in at.packages:
        detail = f"{_COMMAND_LINE} is missing, which the command line needs"
        yield Finding("command line", "problem", detail, f"pip install {_COMMAND_LINE}")
    if not any(found[extra] for extra in ENGINES):
        yield Finding("engine", "problem", "none is installed: no model can run", install(at, ENGINES[0]))


def install(at: Surroundings, extra: str) -> str:
    """Return the command that installs a part, of the wheel that is here."""
    wheel = OURS[1] if _runtime_only(at) else OURS[0]
    return f"pip install '{wheel}[{extra}]'" if extra else f"pip install --force-reinstall {wheel}"


def _runtime_only(at: Surroundings) -> bool:
    return OURS[1] in at.packages and OURS[0] not in at.packages


def _ours(at: Surroundings) -> Iterator[Finding]:
    here = [f"{name} {at.packages[name]}" for name in OURS if name in at.packages]
    if len(here) > 1:
        detail = f"{' and '.join(here)} both hold the package lepton_edge_runtime: removing one breaks the other"
        mend = f"pip uninstall -y {' '.join(OURS)} && pip install {OURS[0]}"
        yield Finding("Lepton Edge", "problem", detail, mend)
    elif here:
        yield Finding("Lepton Edge", "good", here[0])
    else:
        yield Finding("Lepton Edge", "note", "runs from its source folder, not installed", "pip install .")


def _part(at: Surroundings, extra: str, part: Part) -> Finding:
    here = [f"{name} {at.packages[name]}" for name in part.packages if name in at.packages]
    missing = [name for name in part.packages if name not in at.packages]
    what = f"[{extra}]" if extra else "base packages"
    if not missing:
        return Finding(what, "good", ", ".join(here))
    detail = f"for {part.purpose}: not installed" if not here else f"{', '.join(here)}; missing: {', '.join(missing)}"
    return Finding(what, "problem" if not extra else "note", detail, install(at, extra))
