"""OpenVINO's Model API: resizing, colours and numbers in the graph, results typed."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.protocol import Answer, CannotServeError, Job, Named
from benchmarks.peers.served.openvino_bare import settings

PACKAGES = ("openvino-model-api", "openvino", "numpy", "opencv-python-headless")
IMPORTS = ("model_api.adapters", "model_api.models")


def load(job: Job) -> Answer:
    import openvino as ov
    from model_api.adapters import OpenvinoAdapter
    from model_api.models import ClassificationModel, YOLOv8

    if job.head not in ("", "yolo"):
        raise CannotServeError(f"this {job.head.upper()} is not one of those that Model API reads")
    if job.int8:
        raise CannotServeError("Model API reads outputs of float32 only: of bytes it makes no probabilities")
    adapter = OpenvinoAdapter(ov.Core(), job.file, device="CPU", plugin_config=settings(job), max_num_requests=1)
    # The models take bytes as they are, or the same numbers as floats.
    said: dict[str, Any] = {"scale_values": [1.0], "mean_values": [0.0]}
    said["reverse_input_channels"] = not job.bgr
    if job.task == "classify":
        model = ClassificationModel.create_model(adapter, "Classification", {**said, "topk": job.top})
    else:
        model = YOLOv8.create_model(
            adapter, "YOLOv8", {**said, "confidence_threshold": job.min_score, "iou_threshold": job.iou}
        )

    def classify(frame: Any) -> list[Named]:
        return [Named(job.labels[one.id], float(one.confidence)) for one in model(frame).top_labels]

    def detect(frame: Any) -> list[Named]:
        found = model(frame)
        return [
            Named(job.labels[class_id], score, tuple(box))
            for class_id, score, box in zip(
                found.labels.tolist(), found.scores.tolist(), found.bboxes.tolist(), strict=True
            )
        ]

    return classify if job.task == "classify" else detect
