"""Which box of one frame is the same thing as which box of the frames before."""

from lepton_edge_runtime.results.detections import UNTRACKED
from lepton_edge_runtime.tracking.tracker import Track, Tracker

__all__ = ["UNTRACKED", "Track", "Tracker"]
