"""What the environments are asked to run, and the right answers: made here, in the development environment."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dist_check.environment import probe
from dist_check.kits import ENGINES
from dist_check.processes import must_run
from lepton_edge_converters.worker import Worker

CONVERT_OPTIONS = ("--labels", "labels.txt", "--data", "samples.npz")


@dataclass(frozen=True, slots=True)
class Subject:
    """A small trained model, converted, one sample, and what it is.

    Attributes:
        folder: Where the model, its samples and its labels lie.
        bundle: Converted here.
        picture: A file; alone in its folder, which so is a camera.
        tensor: The same sample, an ``.npy`` file of the model's input.
        answers: By backend and kind of sample, ``picture`` or ``tensor``: label and score.
    """

    folder: Path
    bundle: Path
    picture: Path
    tensor: Path
    answers: Mapping[tuple[str, str], list[Any]]

    @property
    def keras(self) -> Path:
        """The model's file."""
        return self.folder / "patterns.keras"


def make_subject(folder: Path) -> Subject:
    """Return the subject, made in ``folder``."""
    folder.mkdir()
    keras, bundle = folder / "patterns.keras", folder / "patterns.lepton"
    with Worker() as worker:
        worker.call("keras_models:save", "sequential", keras)
    picture, tensor = _samples(folder)
    (folder / "labels.txt").write_text("first\nsecond\nthird\nfourth\n", encoding="utf-8")
    must_run([sys.executable, "-m", "lepton_edge", "convert", keras, "-o", bundle, *CONVERT_OPTIONS], cwd=folder)
    kinds = {"picture": picture, "tensor": tensor}
    answers = {
        (backend, kind): probe(sys.executable, "answer", bundle, backend, sample, cwd=folder)
        for backend in ENGINES
        for kind, sample in kinds.items()
    }
    return Subject(folder, bundle, picture, tensor, answers)


def _samples(folder: Path) -> tuple[Path, Path]:
    # By name: the tests' models are not typed.
    patterns = import_module("keras_models").patterns
    pictures, targets = patterns(200, seed=7)
    np.savez(folder / "samples.npz", x=pictures, y=targets)
    unseen = patterns(1, seed=11)[0][0]
    picture, tensor = folder / "frames" / "0.png", folder / "sample.npy"
    picture.parent.mkdir()
    # Larger than the model takes, as a camera's frame is; BGR, as OpenCV writes.
    cv2.imwrite(str(picture), np.kron(unseen, np.ones((2, 2, 1), np.uint8))[..., ::-1])
    np.save(tensor, unseen[np.newaxis])
    return picture, tensor
