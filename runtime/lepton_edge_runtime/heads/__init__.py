"""Heads: how a model's outputs are laid out where shapes alone do not tell; a part of the card."""

from lepton_edge_runtime.heads.boxes import (
    AnchorLevel,
    Centernet,
    Ssd,
    TflitePostprocess,
    Yolo,
    YoloEndToEnd,
    Yolox,
    Yunet,
)
from lepton_edge_runtime.heads.maps import Heatmaps, Movenet, Semantic, Simcc
from lepton_edge_runtime.heads.parts import Repeating, Rows, Scored

__all__ = [
    "TASKS_WITH_HEAD",
    "AnchorLevel",
    "Centernet",
    "Head",
    "Heatmaps",
    "Movenet",
    "Repeating",
    "Rows",
    "Scored",
    "Semantic",
    "Simcc",
    "Ssd",
    "TflitePostprocess",
    "Yolo",
    "YoloEndToEnd",
    "Yolox",
    "Yunet",
    "kind_of",
    "task_of",
]

Head = TflitePostprocess | Yolo | YoloEndToEnd | Yolox | Ssd | Centernet | Yunet | Semantic | Heatmaps | Movenet | Simcc
"""What a card's ``head`` may be."""

TASKS_WITH_HEAD = ("detect", "segment", "pose")
"""Tasks whose outputs are laid out in one of several ways, which a head says."""


def kind_of(head: Head) -> str:
    """Return the name that a head has on file."""
    return str(type(head).__struct_config__.tag)


def task_of(head: Head) -> str:
    """Return the task, a row of ``TASKS``, that all of a head is for."""
    rows = head if isinstance(head, Rows) else None
    if isinstance(head, Semantic) or (rows and rows.masks):
        return "segment"
    if isinstance(head, Heatmaps | Movenet | Simcc) or (rows and rows.keypoints):
        return "pose"
    return "detect"
