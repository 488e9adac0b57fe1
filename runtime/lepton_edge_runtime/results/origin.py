"""How an answer came about."""

from dataclasses import dataclass

from lepton_edge_runtime.frame import Frame


@dataclass(frozen=True, slots=True)
class Timing:
    """Where the time of one answer went, in milliseconds of wall clock."""

    preprocess_ms: float
    inference_ms: float


@dataclass(frozen=True, slots=True)
class Origin:
    """How an answer came about: the engine that gave it, what it took, and the frame it is about."""

    backend: str
    timing: Timing
    frame: Frame | None = None
