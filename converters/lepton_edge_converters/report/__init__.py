"""What a conversion did, in numbers, each with how it was measured."""

from dataclasses import dataclass, field, fields, is_dataclass
from math import isinf
from pathlib import Path
from typing import Any, Literal

from lepton_edge_converters.report.attention import Attention
from lepton_edge_converters.report.disagreement import PAGE_ONLY, Disagreements
from lepton_edge_converters.report.layers import UNBOUNDED, LayerErrors
from lepton_edge_converters.report.numbers import Drop, Loss, Ratio, Score, Share
from lepton_edge_converters.report.pruned import Pruned
from lepton_edge_converters.report.sparse import SparseWeights
from lepton_edge_converters.samples.lint import Finding
from lepton_edge_converters.stages.cache import StageCounts
from lepton_edge_runtime.timing import Latency
from lepton_edge_runtime.wire import finite

SCHEMA_VERSION = 1
"""Of the JSON report: rises when a key goes away or comes to mean something else, not when one is added."""


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
        times_float: Its time as a multiple of the float32 file's on the same engine.
        route: How it was made.
        score: What the metric says, where one was asked for or goes with the task.
        loss: How much less than of the original.
        zeros: Share of the file's weights that are zero, 0 to 1, where they were made sparse.
        download_bytes: Of the file, deflated as gzip and zip do it, likewise.
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
    times_float: Ratio | None = None
    route: str = ""
    score: Score | None = None
    loss: Loss | None = None
    zeros: float | None = None
    download_bytes: int | None = None


Outcome = Literal["ships", "passed", "refused", "not judged", "not made"]


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one scheme when the fastest was looked for.

    Attributes:
        scheme: How numbers are stored.
        outcome: Whether it ships, or why not, in one word or two.
        reason: In a sentence.
        rows: Its files, as far as they were measured.
    """

    scheme: str
    outcome: Outcome
    reason: str
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class GateResult:
    """One thing that must hold.

    Attributes:
        name: What, for people.
        passed: Whether it does.
        detail: What was found.
        about: Whether it is about the answers, which another quantization may mend, the file, or the samples.
    """

    name: str
    passed: bool
    detail: str
    about: Literal["answers", "file", "samples"] = "answers"


@dataclass(frozen=True, slots=True)
class LayerSensitivity:
    """What 8 bits in one layer alone do to the outputs.

    Attributes:
        layer: Its name, as ``float_layers`` takes it.
        kind: TFLite's name of its operator, such as ``CONV_2D``.
        mse: Mean squared error of all outputs, in their unit.
        sqnr_db: Of the worst output: its spread over the samples against its error, in decibels; ``inf`` without any.
        flagged: Whether it stands out, and should be mended or left in float.
    """

    layer: str
    kind: str
    mse: float
    sqnr_db: float = field(metadata=UNBOUNDED)
    flagged: bool = False


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung of the repair ladder: what was tried, and what came of it.

    Attributes:
        name: For people.
        settings: What was changed, as the recipe has it; empty for what was asked for.
        passed: Whether all gates passed.
        refused: What did not, each gate with what it found; or why it could not be made.
        rows: The versions that would have shipped; none if it could not be made.
    """

    name: str
    settings: str
    passed: bool
    refused: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class SampleCounts:
    """Where the samples came from and what they were used for.

    Attributes:
        origin: For people: a path, or what they were given as.
        total: How many there were.
        calibration: How many showed the ranges of activations; 0 where nothing is calibrated.
        judged: How many the result was judged on, none of them calibrated with.
        labelled: Whether their classes are known.
    """

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
        parameters: Of the model that was exported: of a pruned one, those that are left.
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
        lint: What is odd about the samples.
        changes: What was done to the model before it was exported, one sentence each.
        layers: Each layer of the TFLite file beside the float one; ``None`` where nothing was compared.
        disagreements: Samples answered otherwise than by the original; ``None`` where nothing is decided.
        stages: What came from the cache, latencies among it; ``None`` where there was none.
        rungs: Of the repair ladder, as they were tried; empty where nothing had to be repaired, or nobody asked.
        sensitivity: What 8 bits do in each layer alone, where the ladder measured it.
        tried: Every scheme, where the fastest was asked for, the quickest first.
        sparse: What became of the weights, where they were made sparse.
        pruned: What became of the channels, where some were removed.
        attention: Whether the first file that ships looks at the same places of pictures as the float one, where that
            was asked for.
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
    changes: tuple[str, ...] = ()
    lint: tuple[Finding, ...] = ()
    layers: LayerErrors | None = None
    disagreements: Disagreements | None = None
    rungs: tuple[Rung, ...] = ()
    sensitivity: tuple[LayerSensitivity, ...] = ()
    stages: StageCounts | None = None
    tried: tuple[Tried, ...] = ()
    sparse: SparseWeights | None = None
    pruned: Pruned | None = None
    attention: Attention | None = None

    @property
    def passed(self) -> bool:
        """Whether all gates passed, and so the bundle was written."""
        return all(gate.passed for gate in self.gates)

    def file(self, kind: Literal["json", "html"]) -> Path:
        """Return where the report lies: ``NAME.report.json``; of a refused model ``NAME.refused.report.json``.

        A refused conversion leaves an older bundle alone, and its report with it.
        """
        return self.output.with_suffix(f"{'' if self.passed else '.refused'}.report.{kind}")

    def row(self, title: str) -> Row:
        """Return the row with this title; raise KeyError if there is none."""
        for row in self.rows:
            if row.title == title:
                return row
        raise KeyError(title)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain lists, numbers and strings, for JSON: docs/report.md.

        Numbers that JSON cannot write become ``None``, an infinite SQNR among them.
        """
        written: dict[str, Any] = plain(self)
        return {"schema": SCHEMA_VERSION, "passed": self.passed, **written}


def plain(value: Any) -> Any:
    """Return the value in what JSON has; fields for the page only are left out."""
    if is_dataclass(value):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value) if one.metadata != PAGE_ONLY}
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, Path):
        return str(value)
    return finite(value)


def decibels(ratio: float) -> str:
    """Return a signal-to-noise ratio for people, in the plain characters that a log bears."""
    if isinf(ratio):
        return "equal" if ratio > 0 else "no signal"
    return f"{round(ratio, 1) + 0:.1f} dB"  # what rounds to zero has no sign
