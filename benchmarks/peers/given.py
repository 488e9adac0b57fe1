"""Real models, which are not made here: files from others, in a folder that is given."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.peers.cases import Case
from benchmarks.peers.protocol import Job
from benchmarks.peers.rows import FileKind

_FRAMES = 10
_VIDEO = "vtest.avi"  # of OpenCV's samples: people who walk


@dataclass(frozen=True, slots=True)
class Given:
    """A row of ``GIVEN``.

    Attributes:
        title: For people.
        files: By kind, their names.
        labels: A text file with a name a line.
        job: All else but the labels.
    """

    title: str
    files: Mapping[FileKind, str]
    labels: str
    job: Job


def _detector(size: int, head: str, *, int8: bool, min_score: float) -> Job:
    yolox = head == "yolox"
    return Job(
        "", "detect", (size, size), (), int8, head, letterbox=yolox, bgr=yolox, min_score=min_score, card=not yolox
    )


GIVEN: Mapping[str, Given] = {
    "imagenet_int8": Given(
        "Coral's MobileNetV2, 224 × 224, uint8",
        {"tflite": "mobilenet_v2_1.0_224_quant.tflite"},
        "imagenet_labels.txt",
        Job("", "classify", (224, 224), (), int8=True, card=False, step=1 / 256),
    ),
    "ssd_int8": Given(
        "COCO SSD MobileNetV1, 300 × 300, uint8",
        {"tflite": "coco_ssd_mobilenet_v1_metadata.tflite"},
        "coco_labels.txt",
        _detector(300, "ssd", int8=True, min_score=0.5),
    ),
    "yolox_float": Given(
        "YOLOX-Nano, 416 × 416, float32",
        {"onnx": "yolox_nano.onnx"},
        "coco_labels.txt",
        _detector(416, "yolox", int8=False, min_score=0.3),
    ),
}


def given_cases(models: Path, folder: Path) -> dict[str, Case]:
    """Return the cases whose files lie in ``models``, or in folders in it; their frames are written into ``folder``."""
    found = {file.name: file for file in sorted(models.rglob("*")) if file.is_file()}
    if _VIDEO not in found:
        return {}
    frames = folder / "models" / "vtest.npy"
    if not frames.exists():
        frames.parent.mkdir(parents=True, exist_ok=True)
        np.save(frames, _frames(found[_VIDEO]))
    cases = {}
    for name, row in GIVEN.items():
        if all(one in found for one in (*row.files.values(), row.labels)):
            files = {kind: str(found[one]) for kind, one in row.files.items()}
            cases[name] = Case(row.title, files, str(frames), _labelled(row, found[row.labels]))
    return cases


def _labelled(row: Given, file: Path) -> Job:
    # Some lists number their lines.
    names = [line.lstrip("0123456789").strip() for line in file.read_text(encoding="utf-8").splitlines()]
    if row.job.head == "yolox":  # has the 80 classes that there are, without the places left out between them
        names = [name for name in names if name not in {"", "???", "n/a"}]
    return Job(**{**vars(row.job), "labels": tuple(names)})


def _frames(video: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return frames all along a video."""
    opened = cv2.VideoCapture(str(video))
    count = int(opened.get(cv2.CAP_PROP_FRAME_COUNT))
    kept = []
    for i in range(count):
        ok, frame = opened.read()
        if ok and i % (count // _FRAMES) == count // _FRAMES // 2:
            kept.append(frame)
    opened.release()
    return np.stack(kept)
