"""Lepton Edge."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.protocol import Answer, Job, Named

PACKAGES = ("ai-edge-litert", "numpy", "opencv-python-headless")
IMPORTS = ("lepton_edge", "lepton_edge_runtime.model", "ai_edge_litert.interpreter", "cv2")

_BACKEND = "tflite"
_HALF = (128.0, 128.0, 128.0)  # what files of Coral's expect: bytes, from -1 to just below 1


def load(job: Job) -> Answer:
    return opened(job, _BACKEND)


def opened(job: Job, backend: str) -> Answer:
    """Return what answers on a backend."""
    import lepton_edge as le
    from lepton_edge_runtime.heads import Yolox

    said: le.Description | None = None
    if job.head == "yolox":
        preprocess = le.Preprocess(color="bgr", resize="letterbox", range=(0, 255))
        said = le.Description(task="detect", labels=job.labels, head=Yolox(), preprocess=preprocess)
    elif not job.card:
        said = le.Description(
            task="classify", labels=job.labels, preprocess=le.Preprocess(range=(0, 255), mean=_HALF, std=_HALF)
        )
    model = le.open_model(
        job.file,
        backend=backend,
        description=said,
        threads=job.threads,
        top=job.top,
        min_score=job.min_score if job.task == "detect" else None,
        iou=job.iou if job.head.startswith("yolo") else None,
    )

    def classify(frame: Any) -> list[Named]:
        return [Named(one.label, one.score) for one in model(frame)]

    def detect(frame: Any) -> list[Named]:
        return [Named(one.label, one.score, one.box) for one in model(frame)]

    return classify if job.task == "classify" else detect
