"""What ``bench`` measured, and how."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lepton_edge_runtime.benchmark.footprint import Footprint
from lepton_edge_runtime.choice import Rejected
from lepton_edge_runtime.timing import Latency


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One file on one backend with one number of threads.

    Attributes:
        file: The model.
        backend: Row of ``BACKENDS``.
        engine: The package and its version.
        threads: Of the engine.
        integers: Whether the model computes on 8-bit integers.
        call: From a frame (or tensors in real numbers) to a typed result.
        bare: The engine alone on the same tensors: set, run, get.
        preprocess_ms, inference_ms, decode_ms: Where the calls' time went: the median of each stage.
    """

    file: Path
    backend: str
    engine: str
    threads: int
    integers: bool
    call: Latency
    bare: Latency
    preprocess_ms: float
    inference_ms: float
    decode_ms: float

    @property
    def times_bare(self) -> float:
        """The whole call's median as a multiple of the bare engine's."""
        return self.call.median_ms / self.bare.median_ms

    @property
    def times_bare_minimum(self) -> float:
        """The same of the minima, which a noisy machine disturbs less."""
        return self.call.minimum_ms / self.bare.minimum_ms

    @property
    def title(self) -> str:
        """Backend and threads, for people."""
        return f"{self.backend}, {self.threads} thread{'s' if self.threads > 1 else ''}"


@dataclass(frozen=True, slots=True)
class Opening:
    """What it costs to open one file on one backend."""

    file: Path
    backend: str
    footprint: Footprint


@dataclass(frozen=True, slots=True)
class BenchReport:
    """What was measured; only ratios within it mean something on another day.

    Attributes:
        rows: In the order of timing; all were timed in turn, in one run.
        openings: Load time and memory, each from processes of its own.
        rejected: Backends that could not run, and why.
        sample: What was given to the model.
        machine: Processor and cores.
        versions: Of Python and of the packages involved.
        choice: What ``open_model`` takes here, with the cache that was given.
        warnings: What makes the numbers doubtful, or the model slower than need be.
        notes: How the numbers were measured, one sentence each.
    """

    rows: tuple[BenchRow, ...]
    openings: tuple[Opening, ...]
    rejected: tuple[Rejected, ...]
    sample: str
    machine: str
    versions: Mapping[str, str]
    choice: str
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    def row(self, backend: str, threads: int = 1) -> BenchRow:
        """Return the first row of a backend and number of threads; raise KeyError if there is none."""
        for row in self.rows:
            if (row.backend, row.threads) == (backend, threads):
                return row
        raise KeyError((backend, threads))

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints: plain lists, numbers and strings."""
        plain = asdict(self)
        for row, found in zip(plain["rows"], self.rows, strict=True):
            row |= {
                "file": str(found.file),
                "times_bare": found.times_bare,
                "times_bare_minimum": found.times_bare_minimum,
            }
        for opening in plain["openings"]:
            opening["file"] = str(opening["file"])
        return plain
