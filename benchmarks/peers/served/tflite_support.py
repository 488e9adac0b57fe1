"""TensorFlow Lite Support's Task Library, MediaPipe's forerunner; its last wheels are for Python 3.10 and older."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.protocol import Answer, CannotServeError, Job, Named

PACKAGES = ("tflite-support", "numpy", "opencv-python-headless")
IMPORTS = ("benchmarks.peers.served.libusb", "tflite_support.task", "cv2")


def load(job: Job) -> Answer:
    import cv2
    from tflite_support.task import core, processor, vision

    if job.head not in ("", "ssd"):
        raise CannotServeError("its detector reads post-processed SSD only")
    base = core.BaseOptions(file_name=job.file, num_threads=job.threads)
    try:
        if job.task == "classify":
            best = processor.ClassificationOptions(max_results=job.top)
            task = vision.ImageClassifier.create_from_options(vision.ImageClassifierOptions(base, best))
        else:
            sure = processor.DetectionOptions(score_threshold=job.min_score)
            task = vision.ObjectDetector.create_from_options(vision.ObjectDetectorOptions(base, sure))
    except (RuntimeError, ValueError) as error:
        raise CannotServeError(f"it refuses the file: {error}") from error

    # An image points into the array that it was made from, and does not keep it.
    def classify(frame: Any) -> list[Named]:
        rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        found = task.classify(vision.TensorImage.create_from_array(rgb)).classifications[0].categories
        return [Named(one.category_name or job.labels[one.index], one.score) for one in found]

    def detect(frame: Any) -> list[Named]:
        found = []
        rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        for one in task.detect(vision.TensorImage.create_from_array(rgb)).detections:
            best, box = one.categories[0], one.bounding_box
            edges = box.origin_x, box.origin_y, box.origin_x + box.width, box.origin_y + box.height
            found.append(Named(best.category_name or job.labels[best.index], best.score, edges))
        return found

    return classify if job.task == "classify" else detect
