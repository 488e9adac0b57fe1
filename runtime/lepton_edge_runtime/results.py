"""What a model answers: typed, owning its arrays, and saying which engine said so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class: its index in the output, its name (the index where there are no labels), its score."""

    index: int
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Classes:
    """The best classes of one picture, the best first.

    Attributes:
        index: ``int64``, k.
        score: ``float32``, k: probabilities, 0 to 1, or plain numbers where the card says so.
        labels: k names.
        origin: Engine, timing and frame.
    """

    index: NDArray[np.int64]
    score: NDArray[np.float32]
    labels: tuple[str, ...]
    origin: Origin

    @property
    def top(self) -> ClassScore:
        """The best class."""
        return ClassScore(int(self.index[0]), self.labels[0], float(self.score[0]))

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[ClassScore]:
        for index, label, score in zip(self.index, self.labels, self.score, strict=True):
            yield ClassScore(int(index), label, float(score))

    def __str__(self) -> str:
        return "  ".join(f"{one.label} {one.score:.3f}" for one in self)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints: plain lists, numbers and strings."""
        return {"classes": [{"index": c.index, "label": c.label, "score": round(c.score, 6)} for c in self]}


@dataclass(frozen=True, slots=True)
class Detection:
    """One thing found: where (left, top, right, bottom in pixels), what (index and name), and how surely."""

    box: tuple[float, float, float, float]
    class_id: int
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Detections:
    """What was found in one picture, the surest first.

    Attributes:
        xyxy: ``float32``, n × 4: left, top, right, bottom in pixels of the picture.
        score: ``float32``, n, 0 to 1.
        class_id: ``int64``, n.
        labels: n names.
        origin: Engine, timing and frame.
    """

    xyxy: NDArray[np.float32]
    score: NDArray[np.float32]
    class_id: NDArray[np.int64]
    labels: tuple[str, ...]
    origin: Origin

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[Detection]:
        for box, class_id, label, score in zip(self.xyxy, self.class_id, self.labels, self.score, strict=True):
            left, top, right, bottom = map(float, box)
            yield Detection((left, top, right, bottom), int(class_id), label, float(score))

    def __str__(self) -> str:
        found = (f"{one.label} {one.score:.3f} [{' '.join(f'{edge:.0f}' for edge in one.box)}]" for one in self)
        return "  ".join(found) or "nothing found"

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints: plain lists, numbers and strings."""
        return {
            "detections": [
                {
                    "class_id": one.class_id,
                    "label": one.label,
                    "score": round(one.score, 6),
                    "box": [round(edge, 2) for edge in one.box],
                }
                for one in self
            ]
        }


@dataclass(frozen=True, slots=True)
class Tensors:
    """All outputs as real numbers, by name: ``float32`` where the model stores scaled integers."""

    values: Mapping[str, NDArray[Any]]
    origin: Origin

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.values[name]

    def __str__(self) -> str:
        return "  ".join(
            f"{name} {'×'.join(map(str, value.shape))} [{value.min():.4g}, {value.max():.4g}]"
            for name, value in self.values.items()
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints: plain lists and numbers."""
        return {"tensors": {name: value.tolist() for name, value in self.values.items()}}


Result = Classes | Detections | Tensors
"""What a task answers."""
