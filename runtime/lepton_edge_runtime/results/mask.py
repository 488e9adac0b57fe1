"""What each pixel of one picture is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.drawing import canvas, tint
from lepton_edge_runtime.images import Image, opencv
from lepton_edge_runtime.results.naming import name_of
from lepton_edge_runtime.results.origin import Origin

UNSEEN = -1
"""Class of the pixels that the model was not shown."""


@dataclass(frozen=True, slots=True)
class Mask:
    """What each pixel of one picture is.

    Attributes:
        class_id: ``int32``, rows × columns: the best class of each cell of the model's output that lies in the picture.
        box: Which part of the picture the cells cover: left, top, right, bottom in pixels.
        size: Width and height of the picture in pixels.
        labels: Names, by class.
        origin: Engine, timing and frame.
    """

    class_id: NDArray[np.int32]
    box: tuple[float, float, float, float]
    size: tuple[int, int]
    labels: tuple[str, ...]
    origin: Origin

    def at_picture(self) -> NDArray[np.int32]:
        """Return the class of each pixel: height × width, ``int32``; ``UNSEEN`` where the model saw none."""
        left, top, right, bottom = (round(edge) for edge in self.box)
        pixels = np.full((self.size[1], self.size[0]), UNSEEN, np.int32)
        if right > left and bottom > top:
            cv2 = opencv()
            scaled = cv2.resize(self.class_id, (right - left, bottom - top), interpolation=cv2.INTER_NEAREST)
            pixels[top:bottom, left:right] = scaled
        return pixels

    def shares(self) -> dict[int, float]:
        """Return which share of the cells each class has, the largest first; 0 to 1."""
        found, counts = np.unique(self.class_id, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return {int(found[i]): float(counts[i] / self.class_id.size) for i in order}

    def label(self, class_id: int) -> str:
        """Return the name of a class; its number where it has none."""
        return name_of(class_id, self.labels)

    def __str__(self) -> str:
        return "  ".join(f"{self.label(class_id)} {share:.3f}" for class_id, share in self.shares().items())

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints: the share of each class, and cells as runs, row by row: class, how many."""
        flat = self.class_id.reshape(-1)
        begins = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]])) if flat.size else np.empty(0, np.intp)
        lengths = np.diff(np.append(begins, flat.size))
        return {
            "mask": {
                "classes": [
                    {"class_id": class_id, "label": self.label(class_id), "share": round(share, 6)}
                    for class_id, share in self.shares().items()
                ],
                "box": [round(edge, 2) for edge in self.box],
                "rows": self.class_id.shape[0],
                "columns": self.class_id.shape[1],
                "runs": np.stack([flat[begins], lengths], axis=1).tolist(),
            }
        }

    def draw(self, image: Image) -> Image:
        """Return a copy of ``image`` (BGR) with each class but the first, by habit the background, tinted."""
        drawn = canvas(image)
        pixels = self.at_picture()
        for class_id in self.shares():
            if class_id > 0:
                tint(drawn, (0, 0), pixels == class_id, class_id)
        return drawn
