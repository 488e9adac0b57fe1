"""Lepton Edge on ONNX Runtime."""

from __future__ import annotations

from benchmarks.peers.protocol import Answer, Job
from benchmarks.peers.served.ours import opened

PACKAGES = ("onnxruntime", "numpy", "opencv-python-headless")
IMPORTS = ("lepton_edge", "lepton_edge_runtime.model", "onnxruntime", "cv2")


def load(job: Job) -> Answer:
    return opened(job, "onnx")
