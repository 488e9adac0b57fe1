"""The device: reads frames, runs models, gives typed answers. Has never heard of Keras.

The names below are what an embedder imports; each is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lepton_edge_runtime.adoption import adopt as adopt
    from lepton_edge_runtime.benchmark.bench import bench as bench
    from lepton_edge_runtime.bundle import Bundle as Bundle
    from lepton_edge_runtime.camera import Camera as Camera
    from lepton_edge_runtime.camera import Counts as Counts
    from lepton_edge_runtime.card import Card as Card
    from lepton_edge_runtime.chains import Pipeline as Pipeline
    from lepton_edge_runtime.chains import chain as chain
    from lepton_edge_runtime.choice import Choice as Choice
    from lepton_edge_runtime.clips import Clip as Clip
    from lepton_edge_runtime.description import Description as Description
    from lepton_edge_runtime.diagnosis import doctor as doctor
    from lepton_edge_runtime.errors import LeptonError as LeptonError
    from lepton_edge_runtime.explanation.explain import explain as explain
    from lepton_edge_runtime.explanation.explanation import Explanation as Explanation
    from lepton_edge_runtime.frame import Frame as Frame
    from lepton_edge_runtime.model import Model as Model
    from lepton_edge_runtime.model import open_model as open_model
    from lepton_edge_runtime.motion import MotionGate as MotionGate
    from lepton_edge_runtime.preprocess import Preprocess as Preprocess
    from lepton_edge_runtime.regions import Regions as Regions
    from lepton_edge_runtime.results import Classes as Classes
    from lepton_edge_runtime.results import ClassScore as ClassScore
    from lepton_edge_runtime.results import Detections as Detections
    from lepton_edge_runtime.results import Embedding as Embedding
    from lepton_edge_runtime.results import Instances as Instances
    from lepton_edge_runtime.results import Mask as Mask
    from lepton_edge_runtime.results import Poses as Poses
    from lepton_edge_runtime.results import Tensors as Tensors
    from lepton_edge_runtime.tiles import Tiled as Tiled
    from lepton_edge_runtime.tracking import Track as Track
    from lepton_edge_runtime.tracking import Tracker as Tracker
    from lepton_edge_runtime.tuning import tune as tune
    from lepton_edge_runtime.yuv import YuvImage as YuvImage

# The one place of the version, read by both builds; a static string: importlib.metadata costs 0.1 s at each import.
__version__ = "0.1.0"

_HOMES = {
    "Bundle": "bundle",
    "Camera": "camera",
    "Card": "card",
    "Choice": "choice",
    "ClassScore": "results",
    "Classes": "results",
    "Counts": "camera",
    "Clip": "clips",
    "Description": "description",
    "Detections": "results",
    "Embedding": "results",
    "Explanation": "explanation.explanation",
    "Frame": "frame",
    "Instances": "results",
    "LeptonError": "errors",
    "Mask": "results",
    "Model": "model",
    "MotionGate": "motion",
    "Poses": "results",
    "Preprocess": "preprocess",
    "Regions": "regions",
    "Tensors": "results",
    "Pipeline": "chains",
    "Tiled": "tiles",
    "YuvImage": "yuv",
    "Track": "tracking",
    "Tracker": "tracking",
    "adopt": "adoption",
    "chain": "chains",
    "bench": "benchmark.bench",
    "doctor": "diagnosis",
    "explain": "explanation.explain",
    "open_model": "model",
    "tune": "tuning",
}

__all__ = [  # noqa: PLE0604 - a list of the keys above, which a test compares with the types above
    *sorted(_HOMES)
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
