"""MediaPipe Tasks."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.protocol import Answer, CannotServeError, Job, Named

PACKAGES = ("mediapipe", "numpy")
IMPORTS = ("mediapipe", "mediapipe.tasks.python.vision", "cv2")


def load(job: Job) -> Answer:
    import cv2
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    if job.head not in ("", "ssd"):
        raise CannotServeError("MediaPipe's detector reads SSD only, with anchors or post-processed")
    given = BaseOptions(model_asset_path=job.file, delegate=BaseOptions.Delegate.CPU)
    try:
        if job.task == "classify":
            options = vision.ImageClassifierOptions(base_options=given, max_results=job.top)
            task = vision.ImageClassifier.create_from_options(options)
        else:
            options = vision.ObjectDetectorOptions(base_options=given, score_threshold=job.min_score)
            task = vision.ObjectDetector.create_from_options(options)
    except (RuntimeError, ValueError) as error:
        raise CannotServeError(f"MediaPipe refuses the file: {error}") from error

    def picture(frame: Any) -> Any:
        return mp.Image(image_format=mp.ImageFormat.SRGB, data=cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))

    def classify(frame: Any) -> list[Named]:
        best = task.classify(picture(frame)).classifications[0].categories
        return [Named(one.category_name or job.labels[one.index], one.score) for one in best]

    def detect(frame: Any) -> list[Named]:
        found = []
        for one in task.detect(picture(frame)).detections:
            best, box = one.categories[0], one.bounding_box
            edges = box.origin_x, box.origin_y, box.origin_x + box.width, box.origin_y + box.height
            found.append(Named(best.category_name or job.labels[best.index], best.score, edges))
        return found

    return classify if job.task == "classify" else detect
