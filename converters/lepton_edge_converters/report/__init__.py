"""What a conversion did, in numbers, each with how it was measured."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lepton_edge_runtime.timing import Latency
from lepton_edge_runtime.wire import finite


@dataclass(frozen=True, slots=True)
class Share:
    """A share of samples, 0 to 1, with its 95 % interval (Wilson's) and how many samples there were."""

    value: float
    low: float
    high: float
    samples: int

    def __str__(self) -> str:
        return f"{self.value:.1%} [{self.low:.1%}, {self.high:.1%}] n={self.samples}"


@dataclass(frozen=True, slots=True)
class Drop:
    """Points of accuracy lost (0 to 100), with a 95 % interval from the same samples (paired)."""

    points: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.points:+.2f} [{self.low:+.2f}, {self.high:+.2f}] points"


@dataclass(frozen=True, slots=True)
class Row:
    """One version of the model.

    Attributes:
        title: ``original``, ``TFLite int8`` …
        shipped: Whether it goes into the bundle.
        size_bytes: Of its file; ``None`` for the original in memory.
        accuracy: Of the held-out samples, where they have labels.
        drop: Against the original model.
        agreement: Share decided as the original decides, where something is decided.
        cosine: Between its outputs and the original's, averaged over samples; the worst output's.
        sqnr_db: Signal-to-quantization-noise ratio against the original; the worst output's; ``inf`` if equal.
        latency: One thread, interleaved with the other rows.
        route: How it was made.
    """

    title: str
    shipped: bool
    size_bytes: int | None = None
    accuracy: Share | None = None
    drop: Drop | None = None
    agreement: Share | None = None
    cosine: float | None = None
    sqnr_db: float | None = None
    latency: Latency | None = None
    route: str = ""


@dataclass(frozen=True, slots=True)
class GateResult:
    """One thing that must hold: its name, whether it does, and what was found."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class SampleCounts:
    """Where the samples came from and what they were used for."""

    origin: str
    total: int
    calibration: int
    judged: int
    labelled: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What a conversion did.

    Attributes:
        model: Name of the model.
        output: The bundle; written only if all gates passed.
        scheme: How numbers are stored.
        task: What the outputs are decoded as.
        preprocess: How pictures are prepared, one line an input that takes them.
        parameters: Of the original model.
        macs: Multiply-accumulates of one run, counted from the operators of the TFLite file; ``None`` where it has
            loops, whose steps cannot be counted.
        size_bytes: Of the bundle; 0 if it was refused.
        samples: What judged it.
        rows: Each version of the model, the original first.
        gates: What had to hold.
        warnings: What the user should know, one sentence each.
        machine: Where latency was measured.
        versions: Of the packages that did it.
        seconds: How long it took, in all.
    """

    model: str
    output: Path
    scheme: str
    task: str
    preprocess: tuple[str, ...]
    parameters: int
    macs: int | None
    size_bytes: int
    samples: SampleCounts
    rows: tuple[Row, ...]
    gates: tuple[GateResult, ...]
    warnings: tuple[str, ...]
    machine: str
    versions: dict[str, str]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether all gates passed, and so the bundle was written."""
        return all(gate.passed for gate in self.gates)

    def row(self, title: str) -> Row:
        """Return the row with this title; raise KeyError if there is none."""
        for row in self.rows:
            if row.title == title:
                return row
        raise KeyError(title)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain lists, numbers and strings, for JSON; an infinite SQNR becomes ``None``."""
        plain: dict[str, Any] = finite(asdict(self))
        return {**plain, "output": str(self.output), "passed": self.passed}
