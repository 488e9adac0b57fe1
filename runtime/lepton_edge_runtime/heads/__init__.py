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

__all__ = [
    "AnchorLevel",
    "Centernet",
    "Head",
    "Heatmaps",
    "Movenet",
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


def kind_of(head: Head) -> str:
    """Return the name that a head has on file."""
    return str(type(head).__struct_config__.tag)


def task_of(head: Head) -> str:
    """Return the task, a row of ``TASKS``, that all of a head is for."""
    rows = head if isinstance(head, Yolo | YoloEndToEnd) else None
    if isinstance(head, Semantic) or (rows and rows.masks):
        return "segment"
    if isinstance(head, Heatmaps | Movenet | Simcc) or (rows and rows.keypoints):
        return "pose"
    return "detect"
