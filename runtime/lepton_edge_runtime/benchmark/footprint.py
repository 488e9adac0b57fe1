"""What opening a model costs: ``python -m lepton_edge_runtime.benchmark.footprint FILE BACKEND THREADS GIVEN``.

It prints JSON, and is given what the user says of the model as JSON.

In a process of its own, so that nothing is loaded already and no other engine's memory is counted.
"""

import json
import sys
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from statistics import median
from time import perf_counter_ns

import msgspec

from lepton_edge_runtime.backends import BACKENDS, open_backend
from lepton_edge_runtime.bare import NOTHING_GIVEN
from lepton_edge_runtime.children import ask_child
from lepton_edge_runtime.choice import Runner, check_golden
from lepton_edge_runtime.description import Description
from lepton_edge_runtime.errors import ProbeError
from lepton_edge_runtime.machine import resident_mb
from lepton_edge_runtime.opening import read_candidate

PROCESSES = 3


@dataclass(frozen=True, slots=True)
class Footprint:
    """What opening a model costs in a fresh process; the medians of ``PROCESSES`` of them.

    Attributes:
        import_ms: To import the engine.
        open_ms: To read the file and open it, first run included.
        golden_ms: To check the golden samples; 0 where there are none.
        memory_mb: By how much resident memory grew over all this, numpy and our own modules not counted;
            ``None`` where the system does not tell.
    """

    import_ms: float
    open_ms: float
    golden_ms: float
    memory_mb: float | None


def measure_footprint(path: Path, backend: str, threads: int, given: Description = NOTHING_GIVEN) -> Footprint:
    """Return the footprint of a model file on one backend; raise ProbeError if a process fails."""
    arguments = (str(path.resolve()), backend, str(threads), msgspec.json.encode(given).decode())
    try:
        answers = [ask_child("benchmark.footprint", *arguments) for _ in range(PROCESSES)]
    except ProbeError as problem:
        raise ProbeError(f"opening {path} on {backend} in a fresh process failed: {problem}") from problem
    grown = [float(one["memory_mb"]) for one in answers if one["memory_mb"] is not None]
    return Footprint(
        import_ms=median(float(one["import_ms"]) for one in answers),
        open_ms=median(float(one["open_ms"]) for one in answers),
        golden_ms=median(float(one["golden_ms"]) for one in answers),
        memory_mb=median(grown) if grown else None,
    )


def footprint_here(path: Path, backend: str, threads: int, given: Description = NOTHING_GIVEN) -> Footprint:
    """Return the footprint in this process, which must be fresh."""
    engine = BACKENDS[backend]
    before = resident_mb()
    begin = perf_counter_ns()
    import_module(f"lepton_edge_runtime.backends.{engine.module}")
    imported = perf_counter_ns()
    candidate = read_candidate(path, given)
    shapes = {end.tensor.name: end.tensor.shape for end in candidate.card.inputs}
    opened = open_backend(backend, candidate.members[engine.member](), threads=threads, shapes=shapes)
    ready = perf_counter_ns()
    if candidate.golden is not None:
        check_golden(Runner(backend, opened, candidate.card), candidate, engine.member)
    checked = perf_counter_ns()
    after = resident_mb()
    return Footprint(
        import_ms=(imported - begin) / 1e6,
        open_ms=(ready - imported) / 1e6,
        golden_ms=(checked - ready) / 1e6,
        memory_mb=None if before is None or after is None else after - before,
    )


if __name__ == "__main__":
    said = msgspec.json.decode(sys.argv[4], type=Description)
    print(json.dumps(asdict(footprint_here(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), said))))  # noqa: T201 - to the parent
