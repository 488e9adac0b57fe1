"""The best classes of one picture, text or sequence."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.drawing import draw_lines
from lepton_edge_runtime.images import Image
from lepton_edge_runtime.results.origin import Origin

_DRAWN = 3


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class: its index in the output, its name (the index where there are no labels), its score."""

    index: int
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Classes:
    """The best classes of one picture, the best first; none where none has the least score that was asked for.

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
        """The best class; IndexError where there is none."""
        return ClassScore(int(self.index[0]), self.labels[0], float(self.score[0]))

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[ClassScore]:
        for index, label, score in zip(self.index, self.labels, self.score, strict=True):
            yield ClassScore(int(index), label, float(score))

    def __str__(self) -> str:
        return "  ".join(f"{one.label} {one.score:.3f}" for one in self) or "no class"

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints: plain lists, numbers and strings."""
        return {"classes": [{"index": c.index, "label": c.label, "score": round(c.score, 6)} for c in self]}

    def draw(self, image: Image) -> Image:
        """Return a copy of ``image`` (BGR) with the best classes in its upper left corner."""
        return draw_lines(image, [f"{one.score:6.1%} {one.label.split(',')[0]}" for one in list(self)[:_DRAWN]])
