"""Bodies, hands or faces in one picture, by their key points."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.drawing import canvas, draw_boxes, draw_points
from lepton_edge_runtime.images import Image
from lepton_edge_runtime.results.origin import Origin

COCO_POINTS = (
    "nose", "left eye", "right eye", "left ear", "right ear", "left shoulder", "right shoulder", "left elbow",
    "right elbow", "left wrist", "right wrist", "left hip", "right hip", "left knee", "right knee", "left ankle",
    "right ankle",
)  # fmt: skip
"""The 17 key points of a body, in COCO's order; left is the person's."""

FACE_POINTS = ("right eye", "left eye", "nose", "right corner of the mouth", "left corner of the mouth")
"""The five key points of a face, in YuNet's order; right is the person's."""

_BONES: Mapping[tuple[str, ...], tuple[tuple[int, int], ...]] = {
    COCO_POINTS: (
        (0, 1), (0, 2), (1, 3), (2, 4), (5, 6), (5, 7), (7, 9), (6, 8), (8, 10), (5, 11), (6, 12), (11, 12), (11, 13),
        (13, 15), (12, 14), (14, 16),
    ),
}  # fmt: skip

SEEN = 0.3
"""Least score of a key point that is drawn."""


@dataclass(frozen=True, slots=True)
class Point:
    """One key point: its name, where it is in pixels of the picture, and how surely."""

    name: str
    x: float
    y: float
    score: float


@dataclass(frozen=True, slots=True)
class Pose:
    """One body, hand or face: where, how surely, and its key points.

    Attributes:
        box: Left, top, right, bottom in pixels of the picture.
        track_id: Which track it belongs to; ``None`` where nothing tracks.
    """

    box: tuple[float, float, float, float]
    score: float
    points: tuple[Point, ...]
    track_id: int | None = None


@dataclass(frozen=True, slots=True)
class Poses:
    """Bodies, hands or faces in one picture, the surest first.

    Attributes:
        xyxy: ``float32``, n × 4: left, top, right, bottom in pixels of the picture; round all key points where the
            model tells no box.
        score: ``float32``, n, 0 to 1; the mean of the key points' where the model tells none.
        points: ``float32``, n × k × 2: x and y in pixels of the picture, which may lie outside.
        point_score: ``float32``, n × k, 0 to 1; 1 where the model tells none.
        names: Of the k key points.
        origin: Engine, timing and frame.
        track_id: ``int64``, n, once a tracker has seen them.
    """

    xyxy: NDArray[np.float32]
    score: NDArray[np.float32]
    points: NDArray[np.float32]
    point_score: NDArray[np.float32]
    names: tuple[str, ...]
    origin: Origin
    track_id: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.score)

    def __iter__(self) -> Iterator[Pose]:
        tracks = [None] * len(self) if self.track_id is None else self.track_id.tolist()
        columns = (self.xyxy, self.score, self.points, self.point_score)
        for box, score, points, scores, track in zip(*(one.tolist() for one in columns), tracks, strict=True):
            named = zip(self.names, points, scores, strict=True)
            yield Pose(tuple(box), score, tuple(Point(name, x, y, sure) for name, (x, y), sure in named), track)

    def __str__(self) -> str:
        found = (f"{one.score:.3f} [{' '.join(f'{edge:.0f}' for edge in one.box)}]" for one in self)
        return "  ".join(found) or "nothing found"

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints: plain lists, numbers and strings."""
        return {
            "poses": [
                {
                    "score": round(one.score, 6),
                    "box": [round(edge, 2) for edge in one.box],
                    "points": [
                        {
                            "name": point.name,
                            "x": round(point.x, 2),
                            "y": round(point.y, 2),
                            "score": round(point.score, 6),
                        }
                        for point in one.points
                    ],
                    **({} if one.track_id is None else {"track_id": one.track_id}),
                }
                for one in self
            ]
        }

    def draw(self, image: Image) -> Image:
        """Return a copy of ``image`` (BGR) with boxes, key points of enough score, and the lines between them."""
        drawn = canvas(image)
        colors = np.arange(len(self)) if self.track_id is None else self.track_id
        draw_boxes(drawn, self.xyxy, [f"{score:.0%}" for score in self.score.tolist()], colors)
        for points, scores in zip(self.points, self.point_score, strict=True):
            draw_points(drawn, points, scores >= SEEN, _BONES.get(self.names, ()))
        return drawn
