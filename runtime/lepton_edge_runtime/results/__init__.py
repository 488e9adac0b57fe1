"""What a model answers: typed, owning its arrays, and saying which engine said so."""

from lepton_edge_runtime.results.chained import Chained
from lepton_edge_runtime.results.classes import Classes, ClassScore
from lepton_edge_runtime.results.detections import Detection, Detections
from lepton_edge_runtime.results.embedding import Embedding
from lepton_edge_runtime.results.instances import Instance, Instances
from lepton_edge_runtime.results.mask import Mask
from lepton_edge_runtime.results.origin import Origin, Timing
from lepton_edge_runtime.results.poses import Point, Pose, Poses
from lepton_edge_runtime.results.tensors import Tensors

__all__ = [
    "Chained",
    "ClassScore",
    "Classes",
    "Detection",
    "Detections",
    "Embedding",
    "Instance",
    "Instances",
    "Mask",
    "Origin",
    "Point",
    "Pose",
    "Poses",
    "Result",
    "Tensors",
    "Timing",
]

Result = Classes | Detections | Instances | Mask | Poses | Embedding | Tensors | Chained
"""What a model, or a chain of them, answers.

All have ``origin``, ``str()`` for people, ``to_dict()`` for JSON and ``draw(image)``.
"""
