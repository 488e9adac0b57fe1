"""What was found in one picture, and where."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.drawing import canvas, draw_boxes
from lepton_edge_runtime.images import Image
from lepton_edge_runtime.results.origin import Origin

UNTRACKED = -1
"""``track_id`` of a box that belongs to no track (yet)."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One thing found: where (left, top, right, bottom in pixels), what (index and name), and how surely.

    Attributes:
        track_id: Which track it belongs to; ``None`` where nothing tracks, or to none (yet).
    """

    box: tuple[float, float, float, float]
    class_id: int
    label: str
    score: float
    track_id: int | None = None


@dataclass(frozen=True, slots=True)
class Detections:
    """What was found in one picture, the surest first.

    Attributes:
        xyxy: ``float32``, n × 4: left, top, right, bottom in pixels of the picture.
        score: ``float32``, n, 0 to 1.
        class_id: ``int64``, n.
        labels: n names.
        origin: Engine, timing and frame.
        track_id: ``int64``, n, once a tracker has seen them; ``UNTRACKED`` where a box belongs to no track (yet).
    """

    xyxy: NDArray[np.float32]
    score: NDArray[np.float32]
    class_id: NDArray[np.int64]
    labels: tuple[str, ...]
    origin: Origin
    track_id: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[Detection]:
        tracks = [UNTRACKED] * len(self) if self.track_id is None else self.track_id.tolist()
        for box, class_id, label, score, track in zip(
            self.xyxy.tolist(), self.class_id.tolist(), self.labels, self.score.tolist(), tracks, strict=True
        ):
            yield Detection(tuple(box), class_id, label, score, None if track == UNTRACKED else track)

    def __getitem__(self, chosen: NDArray[Any] | slice) -> "Detections":
        """Return some of them, by indices, a mask or a slice."""
        indices = np.arange(len(self))[chosen]
        return replace(
            self,
            xyxy=self.xyxy[indices],
            score=self.score[indices],
            class_id=self.class_id[indices],
            labels=tuple([self.labels[i] for i in indices.tolist()]),
            track_id=None if self.track_id is None else self.track_id[indices],
        )

    def __str__(self) -> str:
        found = (
            f"{_number(one)}{one.label} {one.score:.3f} [{' '.join(f'{edge:.0f}' for edge in one.box)}]" for one in self
        )
        return "  ".join(found) or "nothing found"

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints: plain lists, numbers and strings."""
        return {"detections": [detection_dict(one) for one in self]}

    def draw(self, image: Image) -> Image:
        """Return a copy of ``image`` (BGR) with a named box round each."""
        drawn = canvas(image)
        draw_boxes(drawn, self.xyxy, self.texts(), self.class_id if self.track_id is None else self.track_id)
        return drawn

    def texts(self) -> list[str]:
        """Return what stands beside each box."""
        return [f"{_number(one)}{one.label} {one.score:.0%}" for one in self]


def _number(one: Detection) -> str:
    return "" if one.track_id is None else f"#{one.track_id} "


def detection_dict(one: Detection) -> dict[str, Any]:
    """Return one thing found as ``--json`` prints it."""
    return {
        "class_id": one.class_id,
        "label": one.label,
        "score": round(one.score, 6),
        "box": [round(edge, 2) for edge in one.box],
        **({} if one.track_id is None else {"track_id": one.track_id}),
    }
