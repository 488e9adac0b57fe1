"""What a caller hands over, written into the engine's memory: pictures, texts, tensors."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from lepton_edge_runtime.card import Card, InputCard
from lepton_edge_runtime.choice import Candidate, Runner
from lepton_edge_runtime.clips import Clip
from lepton_edge_runtime.errors import BrokenExtraError, InputError, MissingExtraError
from lepton_edge_runtime.images import read_image
from lepton_edge_runtime.plan import Placement, Plan
from lepton_edge_runtime.ring import Ring
from lepton_edge_runtime.tensors import quantize
from lepton_edge_runtime.tokens.tokenizer import Tokenizer
from lepton_edge_runtime.tokens.vocabulary import decode_vocabulary
from lepton_edge_runtime.yuv import YuvImage


class Intake:
    """Prepares samples for one card. Its buffers are reused: it serves one thread at a time.

    Args:
        candidate: What the model takes, and the vocabulary of its texts.

    Raises:
        BundleError: The vocabulary is missing, or not as the card says.
    """

    def __init__(self, candidate: Candidate) -> None:
        self.card: Card = candidate.card
        self._tokenizers = _tokenizers(candidate)
        self._plans: dict[int, Plan] = {}
        # Compiled at load; a device that only takes tensors needs no OpenCV, and the first picture says so.
        with suppress(MissingExtraError, BrokenExtraError):
            self._plans = {i: self._compiled(i) for i, end in enumerate(self.card.inputs) if end.preprocess}

    def ring(self, stride: int | None) -> Ring | None:
        """Return a ring for the clips of a stream; ``None`` for a model that takes one picture at a time.

        Args:
            stride: Answer every so many frames, instead of as often as the card says.

        Raises:
            ValueError: A stride that is none, or for single pictures.
        """
        end = self.card.inputs[0]
        if end.clip is None or len(self.card.inputs) > 1:
            if stride is not None:
                raise ValueError("a stride is for models that take clips, and this one does not")
            return None
        often = end.clip.stride if stride is None else stride
        clip = Clip(frames=end.clip.frames, interval=end.clip.interval, stride=often)
        return Ring(clip.completed(end.tensor), self._compiled(0), end.tensor)

    def fill(self, runner: Runner, sample: Any) -> Placement | None:
        """Write a sample into the engine's memory, and return where its picture lies in the tensor, if it has one.

        Raises:
            InputError: The model takes no such thing.
        """
        if isinstance(sample, Mapping):
            return self._fill_named(runner, sample)
        if len(self.card.inputs) > 1:
            names = ", ".join(repr(one.tensor.name) for one in self.card.inputs)
            raise InputError(f"this model has {len(self.card.inputs)} inputs: give a dict with the keys {names}")
        return self._fill_one(runner, 0, sample)

    def _fill_named(self, runner: Runner, arrays: Mapping[str, Any]) -> Placement | None:
        names = [one.tensor.name for one in self.card.inputs]
        if set(arrays) != set(names):
            raise InputError(f"the inputs are {', '.join(map(repr, names))}; got {', '.join(map(repr, arrays))}")
        placement = None
        for i, name in enumerate(names):
            placement = self._fill_one(runner, i, arrays[name]) or placement
        return placement

    def _fill_one(self, runner: Runner, index: int, array: Any) -> Placement | None:
        end = self.card.inputs[index]
        if end.tokenize is not None and isinstance(array, str):
            array = self._tokenized(index, array)
        if isinstance(array, str | Path):
            array = read_image(array)
        if end.clip is not None and _are_pictures(array):
            return self._fill_clip(runner, index, array)
        if end.preprocess is not None and end.clip is None and _is_picture(array):
            plan = self._plans.get(index) or self._compiled(index)
            # Whatever is refused is refused here: the traceback of an error would keep the engine's memory.
            resized, placement = plan.resized(array)
            plan.write(resized, runner.input_view(index))
            return placement
        tensor = np.asarray(array)
        if tensor.shape == end.tensor.shape[1:]:
            tensor = tensor[np.newaxis]
        single = end.clip is not None and _is_picture(array)
        if tensor.shape != end.tensor.shape or tensor.dtype.kind not in "fiub" or single:
            got = array if isinstance(array, YuvImage) else f"{tensor.dtype} {tensor.shape}"
            raise InputError(
                f"the input {end.tensor.name!r} takes {_kinds(end)}tensors of shape {end.tensor.shape}; got {got}"
            )
        stored = quantize(tensor, end.tensor)
        runner.input_view(index)[...] = stored
        return None

    def _fill_clip(self, runner: Runner, index: int, pictures: Any) -> Placement | None:
        end = self.card.inputs[index]
        frames = end.tensor.shape[1]
        if len(pictures) != frames:
            raise InputError(f"the input {end.tensor.name!r} takes clips of {frames} pictures; got {len(pictures)}")
        plan = self._plans.get(index) or self._compiled(index)
        clip = np.empty(end.tensor.shape, end.tensor.dtype)
        placement = None
        for i, one in enumerate(pictures):
            placement = plan(read_image(one) if isinstance(one, str | Path) else one, clip[:, i])
        runner.input_view(index)[...] = clip
        return placement

    def _tokenized(self, index: int, text: str) -> Any:
        if index not in self._tokenizers:
            raise InputError(
                "the vocabulary of this model is not in the file, so that it takes token tensors alone; open the "
                "bundle, which has it"
            )
        return self._tokenizers[index](text)

    def _compiled(self, index: int) -> Plan:
        end = self.card.inputs[index]
        if end.preprocess is None:
            raise InputError(f"the input {end.tensor.name!r} takes no pictures")
        return Plan(end.preprocess, end.picture)


def _are_pictures(sample: Any) -> bool:
    """Return whether this is a list of pictures or of their paths, or one array of several."""
    if isinstance(sample, np.ndarray):
        return sample.dtype == np.uint8 and sample.ndim == 4
    return isinstance(sample, list | tuple) and all(isinstance(one, str | Path) or _is_picture(one) for one in sample)


def _is_picture(sample: Any) -> bool:
    return isinstance(sample, YuvImage) or (isinstance(sample, np.ndarray) and sample.dtype == np.uint8)


def _kinds(end: InputCard) -> str:
    """Return what an input takes beside tensors, for a message."""
    if end.clip is not None:
        return f"{end.clip.describe()} (a list or a stream) or "
    return "pictures (uint8) or " if end.preprocess else "texts (str) or " if end.tokenize else ""


def _tokenizers(candidate: Candidate) -> dict[int, Tokenizer]:
    """Return what makes tensors of texts, by input; nothing for a bare file, which has no vocabulary."""
    made: dict[int, Tokenizer] = {}
    for i, end in enumerate(candidate.card.inputs):
        if end.tokenize is not None and candidate.vocabulary is not None:
            vocabulary = decode_vocabulary(candidate.vocabulary(), end.tokenize)
            made[i] = Tokenizer(end.tokenize, vocabulary, end.tensor)
    return made
