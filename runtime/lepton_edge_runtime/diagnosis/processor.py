"""The processor: which kernels the engines can use on it, and what follows where it lacks them."""

from collections.abc import Iterator

from lepton_edge_runtime.diagnosis.finding import Finding
from lepton_edge_runtime.diagnosis.surroundings import Surroundings
from lepton_edge_runtime.machine import read_processor

_VNNI = {"avx512_vnni", "avx_vnni"}


def look(at: Surroundings) -> Iterator[Finding]:
    """Yield the processor and what it can do."""
    processor = read_processor(at.root)
    listed = ", ".join(sorted(processor.features))
    yield Finding("processor", "good", f"{processor.name}; {listed}" if listed else processor.name)
    yield _cores(at)
    if at.architecture == "x86_64":
        yield from _x86(processor.features)
    elif at.architecture == "aarch64":
        yield from _arm(processor.features)


def _cores(at: Surroundings) -> Finding:
    detail = f"{at.cores} for this process"
    quota, _, period = (at.read("sys/fs/cgroup/cpu.max") or "max").partition(" ")
    if quota.isdecimal() and period.isdecimal() and int(quota) < at.cores * int(period):
        share = int(quota) / int(period)
        detail += f", held to the time of {share:.1f} by its control group: more threads than that only wait"
        return Finding("cores", "note", detail)
    return Finding("cores", "good", detail)


def _x86(features: frozenset[str]) -> Iterator[Finding]:
    if "avx2" not in features:
        yield Finding("AVX2", "note", "missing: models run several times slower than on a processor with it")
    if features & _VNNI:
        yield Finding("VNNI", "good", f"{', '.join(sorted(features & _VNNI))}: int8 at full speed on both engines")
    else:
        yield Finding(
            "VNNI", "note",
            "missing: ONNX int8 runs in exact mode, about 3 times slower (without it answers would be wrong); the "
            "tflite backend does not suffer",
        )  # fmt: skip


def _arm(features: frozenset[str]) -> Iterator[Finding]:
    if "asimd" not in features:
        yield Finding("NEON", "problem", "asimd is missing: no engine runs on this processor", "use a 64-bit Arm board")
    if "asimddp" in features:
        more = " and matrix (i8mm)" if "i8mm" in features else ""
        yield Finding("dot product", "good", f"asimddp{more}: int8 at full speed")
    else:
        yield Finding("dot product", "note", "asimddp is missing: int8 takes about twice the work of a newer core")
    if {"fphp", "asimdhp"} <= features:
        yield Finding("float16", "good", "fphp, asimdhp: float16 arithmetic")
    else:
        yield Finding("float16", "note", "no float16 arithmetic: float16 models are smaller here, not faster")
    if "atomics" in features:
        yield Finding("LSE atomics", "good", "atomics")
    else:
        yield Finding(
            "LSE atomics", "note",
            "missing: LiteRT's CompiledModel would kill the process; Lepton Edge does not use it, other programs may",
        )  # fmt: skip
