"""The machine this runs on: its processor, its cores, the memory of this process."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")

FEATURES = frozenset(
    {"avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8"}  # x86, as Linux calls them
    | {"asimd", "asimddp", "asimdhp", "fphp", "i8mm", "bf16", "sve", "atomics"}  # Arm
)
"""What makes engines choose other kernels; the other flags come and go with kernel versions."""

_ARM_CORES = {
    "0xd03": "Cortex-A53", "0xd04": "Cortex-A35", "0xd05": "Cortex-A55", "0xd07": "Cortex-A57", "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73", "0xd0a": "Cortex-A75", "0xd0b": "Cortex-A76", "0xd0c": "Neoverse-N1", "0xd0d": "Cortex-A77",
    "0xd41": "Cortex-A78", "0xd42": "Cortex-A78AE", "0xd46": "Cortex-A510", "0xd47": "Cortex-A710",
    "0xd49": "Neoverse-N2", "0xd4f": "Neoverse-V2",
}  # fmt: skip
_ARM_IMPLEMENTER = "0x41"


@dataclass(frozen=True, slots=True)
class Processor:
    """A processor.

    Attributes:
        name: As it calls itself; on Arm the cores' names, and the board's where the kernel tells it.
        features: Those of ``FEATURES`` that it has.
    """

    name: str
    features: frozenset[str]


def read_processor(root: Path = ROOT) -> Processor:
    """Return the processor that ``proc/cpuinfo`` under ``root`` describes; on other systems, the platform's word."""
    try:
        text = (root / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return Processor(platform.processor() or platform.machine(), frozenset())
    fields: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), []).append(value.strip())
    flags = {flag for line in fields.get("flags", []) + fields.get("Features", []) for flag in line.split()}
    return Processor(_name(fields), frozenset(flags & FEATURES))


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe_machine() -> str:
    """Return the processor's name and how many cores this process may use."""
    cores = usable_cores()
    return f"{read_processor().name}, {cores} core{'s' if cores != 1 else ''}"


def resident_mb() -> float | None:
    """Return the resident memory of this process, MB of 2^20 bytes; ``None`` where there is no ``/proc``."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), None)


def _name(fields: dict[str, list[str]]) -> str:
    if "model name" in fields:
        return fields["model name"][0]
    makers, parts = fields.get("CPU implementer", []), fields.get("CPU part", [])
    cores = [
        _ARM_CORES.get(part, f"Arm core {part}") if maker == _ARM_IMPLEMENTER else f"core {part} of maker {maker}"
        for maker, part in dict.fromkeys(zip(makers, parts, strict=False))
    ]
    board = fields.get("Model", [])[:1]
    return ", ".join([*cores, *board]) or platform.processor() or platform.machine()
