"""``run --track``: what is found is numbered from frame to frame."""

from collections.abc import Iterator

import numpy as np

from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.results import Detections, Result
from lepton_edge_runtime.tracking import UNTRACKED, Tracker

LEAST_SCORE = 0.1
"""Unsure boxes are wanted, where they go on with a track."""


def tracked(results: Iterator[Result]) -> Iterator[Result]:
    """Yield results with what has a number, and nothing else.

    Raises:
        InputError: The model finds no boxes.
    """
    tracker = Tracker(low=LEAST_SCORE)
    for result in results:
        if not isinstance(result, Detections):
            raise InputError(f"--track is for detectors, and this model answers {type(result).__name__}")
        found = tracker(result)
        assert found.track_id is not None  # noqa: S101 - the tracker has set it
        yield found[np.flatnonzero(found.track_id != UNTRACKED)]
