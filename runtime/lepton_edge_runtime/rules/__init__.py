"""What in the tracks of a camera is worth telling: zones, lines, and rules about them."""

from lepton_edge_runtime.rules.kinds import (
    Crossing,
    Crowd,
    Fall,
    Hours,
    Inside,
    Left,
    Line,
    Removed,
    Rule,
    Running,
    Zone,
)
from lepton_edge_runtime.rules.scene import Scene, scene_of
from lepton_edge_runtime.rules.watch import Occurrence, Watch

__all__ = [
    "Crossing",
    "Crowd",
    "Fall",
    "Hours",
    "Inside",
    "Left",
    "Line",
    "Occurrence",
    "Removed",
    "Rule",
    "Running",
    "Scene",
    "Watch",
    "Zone",
    "scene_of",
]
