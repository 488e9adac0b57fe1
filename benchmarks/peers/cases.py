"""What is run: a model, frames, and what is to be known of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

import lepton_edge as le
from benchmarks.children import run_child
from benchmarks.peers.protocol import Job, Named
from benchmarks.peers.rows import FileKind
from benchmarks.peers.squares import LABELS
from benchmarks.workshop import LOOSE
from lepton_edge_runtime.atomic import replacing
from lepton_edge_runtime.heads import Yolo

_IOU = 0.35  # the squares of one colour stand apart: what overlaps by more is the same one


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model with frames.

    Attributes:
        title: For people.
        files: By kind.
        frames: A ``.npy`` file, n × height × width × 3, BGR.
        job: All else; its ``file`` is empty, and filled in for each peer.
        truth: What is on each frame, where that is known.
    """

    title: str
    files: Mapping[FileKind, str]
    frames: str
    job: Job
    truth: list[list[Named]] = []


@dataclass(frozen=True, slots=True)
class Made:
    """A row of ``MADE``: a model that is built here, with random weights, and converted."""

    title: str
    build: str
    scheme: Literal["int8", "float32"]
    size: int


MADE: Mapping[str, Made] = {
    "classify_int8": Made("MobileNetV2, 224 × 224, int8", "classify", "int8", 224),
    "classify_float": Made("MobileNetV2, 224 × 224, float32", "classify", "float32", 224),
    "detect_320_int8": Made("YOLOv8n's shape, 320 × 320, int8", "detect_320_shares", "int8", 320),
    "detect_320_float": Made("YOLOv8n's shape, 320 × 320, float32", "detect_320_pixels", "float32", 320),
    "detect_640_int8": Made("YOLOv8n's shape, 640 × 640, int8", "detect_640_shares", "int8", 640),
    "detect_640_float": Made("YOLOv8n's shape, 640 × 640, float32", "detect_640_pixels", "float32", 640),
}


def make(name: str, folder: Path) -> Case:
    """Return a case of ``MADE``; its files are made in ``folder``, or found there."""
    made, place = MADE[name], folder / "models" / name
    written = place / "case.json"
    if written.exists():
        return msgspec.json.decode(written.read_bytes(), type=Case)
    place.mkdir(parents=True, exist_ok=True)
    run_child("peers.build", made.build, place)
    labels = LABELS if made.build != "classify" else tuple(f"class {i}" for i in range(1000))
    bundle = place / "model.lepton"
    _convert(place, bundle, made, labels)
    files: dict[FileKind, str] = {}
    for kind in ("tflite", "onnx"):
        file = place / f"model.{kind}"
        file.write_bytes(le.Bundle(bundle).member(file.name))
        files[kind] = str(file)
    quant = le.Bundle(bundle).card.outputs[0].tensor.quant
    detects = made.build != "classify"
    job = Job(
        file="",
        task="detect" if detects else "classify",
        size=(made.size, made.size),
        labels=labels,
        int8=made.scheme == "int8",
        head="yolo" if detects else "",
        letterbox=detects,
        iou=_IOU,
        step=quant.scale if quant else 0.0,
        zero=quant.zero_point if quant else 0,
    )
    truth = msgspec.json.decode((place / "truth.json").read_bytes(), type=list[list[Named]]) if detects else []
    case = Case(made.title, files, str(place / "frames.npy"), job, truth)
    with replacing(written) as file:
        file.write(msgspec.json.encode(case))
    return case


def _convert(place: Path, bundle: Path, made: Made, labels: tuple[str, ...]) -> None:
    description = le.Description(labels=labels)
    if made.build != "classify":
        head = Yolo(unit="share" if made.scheme == "int8" else "pixels", iou=_IOU)
        preprocess = le.Preprocess(resize="letterbox")
        description = le.Description(task="detect", labels=labels, head=head, preprocess=preprocess)
    recipe = le.Recipe(scheme=made.scheme, gates=LOOSE)
    le.convert(
        place / "model.keras", bundle, data=place / "samples.npy", recipe=recipe, description=description, force=True
    )
