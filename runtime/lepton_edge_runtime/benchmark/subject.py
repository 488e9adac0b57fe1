"""What is timed: a model, opened, with a sample to call it on, beside the bare engine on the same tensors."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.backends import BACKENDS
from lepton_edge_runtime.bare.files import READERS
from lepton_edge_runtime.benchmark.bare import BARE
from lepton_edge_runtime.choice import Candidate
from lepton_edge_runtime.description import Description
from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.images import Image, read_image
from lepton_edge_runtime.model import Model, open_model
from lepton_edge_runtime.opening import read_candidate
from lepton_edge_runtime.results import Result
from lepton_edge_runtime.tensors import dequantize

_FRAME = (720, 1280)
_INTEGER_TYPES = {"int8", "uint8"}
_ONNX_INTEGER_KINDS = {"QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger"}


@dataclass(frozen=True, slots=True)
class Sample:
    """What a model is called on, and what that is, for people."""

    value: Any
    description: str


class Subject:
    """One file on one backend with one number of threads, ready to be called both ways."""

    def __init__(
        self, path: Path, given: Description, backend: str, threads: int, sample: Sample, candidate: Candidate
    ) -> None:
        self.path = path
        self.threads = threads
        self.model: Model = open_model(
            path,
            description=given,
            backend=backend,
            threads=threads,
        )
        self.backend = backend
        self._sample = sample.value
        names = (end.tensor.name for end in self.model.card.inputs)
        content = candidate.members[BACKENDS[backend].member]()
        self.integers = computes_on_integers(content, BACKENDS[backend].member)
        tensors = dict(zip(names, self.model.tensors(self._sample), strict=True))
        self.bare: Callable[[], object] = BARE[backend](content, tensors, threads)
        self.latest: Result

    def call(self) -> None:
        """Answer the sample, and keep the answer: it tells how long its stages took."""
        self.latest = self.model(self._sample)


def make_sample(path: Path, image: str | Path | None, given: Description) -> Sample:
    """Return what to call the model in ``path`` on: the picture, or noise of a camera's size, or tensors.

    Raises:
        InputError: A picture is given that cannot be read, or to a model that takes none.
    """
    candidate = read_candidate(path, given)
    takes_pictures = any(end.preprocess for end in candidate.card.inputs)
    if image is not None and not takes_pictures:
        raise InputError(f"a picture was given, and {path} takes none")
    if not takes_pictures or (image is None and not find_spec("cv2")):
        return Sample(_tensors(candidate), "the first golden sample" if candidate.golden else "tensors of seeded noise")
    picture = _noise() if image is None else read_image(image)
    height, width = picture.shape[:2]
    what = "seeded noise" if image is None else str(image)
    clip = next((end.tensor.shape[1] for end in candidate.card.inputs if end.clip), 0)
    frames = f"{clip} frames" if clip else "a frame"
    return Sample(_with_picture(candidate, picture), f"{frames} of {width}×{height} ({what})")


def computes_on_integers(content: bytes, member: str) -> bool:
    """Return whether a model file has operators on 8-bit integers."""
    read = next(read for name, read in READERS.values() if name == member)
    return any(one.dtypes & _INTEGER_TYPES or one.kind in _ONNX_INTEGER_KINDS for one in read(content).operators)


def _noise() -> Image:
    return np.random.default_rng(0).integers(0, 256, (*_FRAME, 3), np.uint8)


def _with_picture(candidate: Candidate, picture: Image) -> Any:
    tensors = _tensors(candidate) if len(candidate.card.inputs) > 1 else {}
    given: dict[str, Any] = {}
    for end in candidate.card.inputs:
        pictures = picture if end.clip is None else [picture] * end.tensor.shape[1]
        given[end.tensor.name] = pictures if end.preprocess else tensors[end.tensor.name]
    return given if len(given) > 1 else next(iter(given.values()))


def _tensors(candidate: Candidate) -> dict[str, NDArray[Any]]:
    """Return one tensor an input, in real numbers: the first golden sample; seeded noise where there is none."""
    golden = candidate.golden() if candidate.golden is not None else None
    rng = np.random.default_rng(0)
    tensors: dict[str, NDArray[Any]] = {}
    for i, end in enumerate(candidate.card.inputs):
        real = dequantize(golden.inputs[i][0], end.tensor) if golden else rng.random(end.tensor.shape)
        # float32 in any case: bytes would be taken for a picture.
        tensors[end.tensor.name] = real.astype(np.float32)
    return tensors
