"""Lepton Edge: from a trained Keras model to a camera on a small computer.

The names below are the public ones; each is loaded when it is first used, so that importing costs nothing.

    import lepton_edge as le

    report = le.convert("birds.keras", "birds.lepton", data="photos/")        # workstation

    with le.open_model("birds.lepton") as model, le.Camera(0) as camera:      # device
        for result in model.stream(camera):
            print(result.top.label, result.top.score)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lepton_edge_runtime import __version__ as __version__

if TYPE_CHECKING:
    from lepton_edge_converters.errors import GateRefusedError as GateRefusedError
    from lepton_edge_converters.gradcam import grad_cam as grad_cam
    from lepton_edge_converters.pipeline import convert as convert
    from lepton_edge_converters.pruning.alone import prune as prune
    from lepton_edge_converters.recipe import Recipe as Recipe
    from lepton_edge_converters.report import Report as Report
    from lepton_edge_converters.search.run import search as search
    from lepton_edge_converters.sensitivity import sensitivity as sensitivity
    from lepton_edge_converters.train import Training as Training
    from lepton_edge_runtime.adoption import adopt as adopt
    from lepton_edge_runtime.benchmark.bench import bench as bench
    from lepton_edge_runtime.bundle import Bundle as Bundle
    from lepton_edge_runtime.camera import Camera as Camera
    from lepton_edge_runtime.chains import Pipeline as Pipeline
    from lepton_edge_runtime.chains import chain as chain
    from lepton_edge_runtime.clips import Clip as Clip
    from lepton_edge_runtime.description import Description as Description
    from lepton_edge_runtime.diagnosis import doctor as doctor
    from lepton_edge_runtime.errors import LeptonError as LeptonError
    from lepton_edge_runtime.explanation.explain import explain as explain
    from lepton_edge_runtime.explanation.explanation import Explanation as Explanation
    from lepton_edge_runtime.frame import Frame as Frame
    from lepton_edge_runtime.inspection import inspect as inspect
    from lepton_edge_runtime.model import Model as Model
    from lepton_edge_runtime.model import open_model as open_model
    from lepton_edge_runtime.motion import MotionGate as MotionGate
    from lepton_edge_runtime.preprocess import Preprocess as Preprocess
    from lepton_edge_runtime.regions import Regions as Regions
    from lepton_edge_runtime.results import Classes as Classes
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
    from lepton_edge_runtime.verification import verify as verify
    from lepton_edge_runtime.yuv import YuvImage as YuvImage

_HOMES = {
    "Bundle": "lepton_edge_runtime.bundle",
    "Camera": "lepton_edge_runtime.camera",
    "Classes": "lepton_edge_runtime.results",
    "Clip": "lepton_edge_runtime.clips",
    "Description": "lepton_edge_runtime.description",
    "Detections": "lepton_edge_runtime.results",
    "Embedding": "lepton_edge_runtime.results",
    "Explanation": "lepton_edge_runtime.explanation.explanation",
    "Frame": "lepton_edge_runtime.frame",
    "GateRefusedError": "lepton_edge_converters.errors",
    "Instances": "lepton_edge_runtime.results",
    "LeptonError": "lepton_edge_runtime.errors",
    "Mask": "lepton_edge_runtime.results",
    "Model": "lepton_edge_runtime.model",
    "MotionGate": "lepton_edge_runtime.motion",
    "Poses": "lepton_edge_runtime.results",
    "Preprocess": "lepton_edge_runtime.preprocess",
    "Recipe": "lepton_edge_converters.recipe",
    "Regions": "lepton_edge_runtime.regions",
    "Report": "lepton_edge_converters.report",
    "Training": "lepton_edge_converters.train",
    "Tensors": "lepton_edge_runtime.results",
    "Pipeline": "lepton_edge_runtime.chains",
    "Tiled": "lepton_edge_runtime.tiles",
    "YuvImage": "lepton_edge_runtime.yuv",
    "Track": "lepton_edge_runtime.tracking",
    "Tracker": "lepton_edge_runtime.tracking",
    "adopt": "lepton_edge_runtime.adoption",
    "chain": "lepton_edge_runtime.chains",
    "bench": "lepton_edge_runtime.benchmark.bench",
    "convert": "lepton_edge_converters.pipeline",
    "doctor": "lepton_edge_runtime.diagnosis",
    "explain": "lepton_edge_runtime.explanation.explain",
    "grad_cam": "lepton_edge_converters.gradcam",
    "inspect": "lepton_edge_runtime.inspection",
    "prune": "lepton_edge_converters.pruning.alone",
    "search": "lepton_edge_converters.search.run",
    "sensitivity": "lepton_edge_converters.sensitivity",
    "open_model": "lepton_edge_runtime.model",
    "tune": "lepton_edge_runtime.tuning",
    "verify": "lepton_edge_runtime.verification",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605 - the keys above, which a test compares with the types above


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
