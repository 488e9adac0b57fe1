"""What rules look at: the tracks of one camera at one moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.tracking import Track

Anchor = Literal["bottom", "center"]
"""Which point of a box stands for the thing: the middle of its lower edge, where feet and wheels are, or its middle."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The tracks of one camera at one moment.

    Attributes:
        seconds: When, on the camera's clock.
        size: Width and height of the picture in pixels.
        tracks: All that have a number and have not ended.
        xyxy: ``float64``, n × 4, pixels, of these.
        seen: n: which are seen at this moment; the others are expected where they are told to be.
    """

    seconds: float
    size: tuple[int, int]
    tracks: tuple[Track, ...]
    xyxy: NDArray[np.float64]
    seen: NDArray[np.bool_]

    def anchors(self, anchor: Anchor) -> NDArray[np.float64]:
        """Return where each thing is, in shares of the picture; n × 2."""
        y = self.xyxy[:, 3] if anchor == "bottom" else (self.xyxy[:, 1] + self.xyxy[:, 3]) / 2
        found = np.stack([(self.xyxy[:, 0] + self.xyxy[:, 2]) / 2, y], axis=1) / np.array(self.size)
        # Feet that are cut off by the edge are in a zone that reaches to it.
        return np.asarray(np.clip(found, 0, 1 - 1e-9))


def scene_of(tracks: Sequence[Track], seconds: float, size: tuple[int, int]) -> Scene:
    """Return the scene that a tracker's ``tracks`` make.

    Args:
        tracks: Of one camera.
        seconds: When, as the tracker was told.
        size: Width and height of the picture in pixels.
    """
    xyxy = np.array([one.box for one in tracks], np.float64).reshape(-1, 4)
    seen = np.array([one.last_seconds >= seconds for one in tracks], np.bool_)
    return Scene(seconds, size, tuple(tracks), xyxy, seen)
