"""The card: what a model takes, what it answers, and what its answers mean."""

from math import prod
from typing import Literal

import msgspec
import numpy as np

from lepton_edge_runtime.clips import Clip
from lepton_edge_runtime.errors import BundleError, BundleVersionError, LeptonError
from lepton_edge_runtime.heads import Head
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.tensors import OPEN, TensorSpec
from lepton_edge_runtime.text import is_plain
from lepton_edge_runtime.tokens import Tokenize
from lepton_edge_runtime.wire import decode_json

FORMAT_VERSION = 1

ENDS_MAX = 256
"""Inputs, and outputs, of one model."""

_CARD_BYTES_MAX = 4 << 20
_RANK_MAX = 16
_TENSOR_BYTES_MAX = 1 << 30
_NUMBER_MAX = 1e9

Activation = Literal["softmax", "sigmoid", "logits", "sigmoid-logits", "none"]
"""What the numbers of an output are: probabilities that sum to 1; independent probabilities; scores that softmax turns
into the first, sigmoid where there is one alone; scores that sigmoid turns into the second; or plain numbers."""


Batch = Literal[1, "dynamic"]
"""How many samples a model file takes at once: one, or as many as its engine is told."""


class InputCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One input: its tensor, and what goes into it.

    Attributes:
        tensor: As the model file has it.
        preprocess: How a picture becomes it; ``None`` where it takes no picture.
        tokenize: How a text becomes it; ``None`` where it takes no text.
        clip: Which frames go into it at once, each by ``preprocess``; ``None`` where it takes one picture, or none.
    """

    tensor: TensorSpec
    preprocess: Preprocess | None = None
    tokenize: Tokenize | None = None
    clip: Clip | None = None

    @property
    def picture(self) -> TensorSpec:
        """The tensor of one picture: the input's own, or that of one of a clip's."""
        return self.tensor if self.clip is None else self.clip.picture(self.tensor)


class OutputCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One output: its tensor, and what its numbers are."""

    tensor: TensorSpec
    activation: Activation = "none"


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a model takes, what it answers, and what its answers mean.

    Attributes:
        format: Version of the bundle format.
        name: The model's name, for people.
        task: Row of ``TASKS`` that decodes the outputs.
        inputs: In the order of the model file.
        outputs: In the order of the original model.
        labels: One a class, in the order of the output; empty where there are none.
        head: How the outputs are laid out where the task has several ways; ``None`` where it has one.
        points: Names of the key points, in the order of the outputs; empty where there are none.
        batch: Whether the first axis of every tensor, whose size here is 1, is free in the model files.
    """

    format: int = FORMAT_VERSION
    name: str
    task: str
    inputs: tuple[InputCard, ...]
    outputs: tuple[OutputCard, ...]
    labels: tuple[str, ...] = ()
    head: Head | None = None
    points: tuple[str, ...] = ()
    batch: Batch = 1


class _Versioned(msgspec.Struct):
    format: int


def decode_card(text: bytes) -> Card:
    """Return the card written in ``text`` (JSON).

    Raises:
        BundleVersionError: It is of a newer format.
        BundleError: It is no card.
        PreprocessError: Its preprocessing contradicts its tensors.
    """
    if len(text) > _CARD_BYTES_MAX:
        raise BundleError(f"the card is larger than {_CARD_BYTES_MAX >> 20} MB")
    refuse_newer(text)
    card = decode_json(text, Card, what="the card", error=BundleError)
    check_card(card, error=BundleError)
    return card


def check_card(card: Card, *, error: type[LeptonError], outputs_may_be_open: bool = False) -> None:
    """Raise ``error`` for a card that is well formed and cannot be true, before anything relies on it.

    Args:
        card: What to look at.
        error: What to raise.
        outputs_may_be_open: Allow for axes of outputs that only an engine can tell.
    """
    if not 1 <= card.format <= FORMAT_VERSION:
        raise error(f"the card is of format {card.format}; there are 1 to {FORMAT_VERSION}")
    for kind, ends in (("input", card.inputs), ("output", card.outputs)):
        names = [end.tensor.name for end in ends]
        if not 1 <= len(names) <= ENDS_MAX:
            raise error(f"the card has {len(names)} {kind}s; there are 1 to {ENDS_MAX}")
        if len(set(names)) != len(names):
            raise error(f"the card has two {kind}s of one name: {', '.join(map(repr, names))}")
        for end in ends:
            check_tensor(end.tensor, error=error, may_be_open=outputs_may_be_open and kind == "output")
    for end in card.inputs:
        _check_pictures(end, error)
    _check_texts(card, error)
    for text in (card.name, card.task, *card.points, *card.labels):
        if not is_plain(text):
            raise error(f"the card has a name, task, key point or label with characters that cannot be shown: {text!r}")


def _check_pictures(end: InputCard, error: type[LeptonError]) -> None:
    """Raise ``error`` for pictures, or clips of them, that the input cannot take."""
    if end.clip is not None and (end.preprocess is None or end.clip.completed(end.tensor) != end.clip):
        raise error(f"the input {end.tensor} takes no {end.clip.describe()}")
    if end.preprocess is not None:
        _check_levels(end, error)


def _check_texts(card: Card, error: type[LeptonError]) -> None:
    """Raise ``error`` for texts that no tensor takes, or that no vocabulary is there for."""
    ends = [end for end in card.inputs if end.tokenize is not None]
    for end in ends:
        if end.tokenize is not None and (end.preprocess is not None or not end.tokenize.fits(end.tensor)):
            raise error(f"the input {end.tensor} takes no text of {end.tokenize.describe()}")
    if len(ends) > 1:
        raise error("the card has two inputs that take text, and a bundle has one vocabulary")


def check_tensor(tensor: TensorSpec, *, error: type[LeptonError], may_be_open: bool = False) -> None:
    """Raise ``error`` for a tensor that no model has; ``may_be_open`` allows for axes that a file leaves open."""
    if not is_plain(tensor.name):
        raise error(f"the tensor {tensor.name!r} has characters in its name that cannot be shown")
    shape = tuple(1 if may_be_open and size == OPEN else size for size in tensor.shape)
    size_bytes = prod(shape) * np.dtype(tensor.dtype).itemsize
    if len(shape) > _RANK_MAX or any(size < 1 for size in shape) or size_bytes > _TENSOR_BYTES_MAX:
        raise error(
            f"the tensor {tensor.name!r} has the shape {tensor.shape}; a tensor has at most {_RANK_MAX} axes of 1 or "
            f"more, and {_TENSOR_BYTES_MAX >> 20} MB"
        )
    # What a tensor's type can hold has been looked at when it was made; this bounds the numbers it stands for.
    if tensor.quant is not None and tensor.quant.scale >= _NUMBER_MAX:
        raise error(
            f"the tensor {tensor.name!r} cannot have the scale {tensor.quant.scale:g}; it is below {_NUMBER_MAX:g}"
        )


def _check_levels(end: InputCard, error: type[LeptonError]) -> None:
    assert end.preprocess is not None  # noqa: S101 - the caller looked
    full = end.preprocess.completed(end.picture)
    numbers = [*(full.range or ()), *full.mean, *full.std]
    if any(abs(number) > _NUMBER_MAX for number in numbers) or any(abs(one) < 1 / _NUMBER_MAX for one in full.std):
        raise error(f"the preprocessing of {end.tensor.name!r} has numbers that no picture becomes: {full.describe()}")


def refuse_newer(text: bytes) -> None:
    """Raise BundleVersionError if ``text`` says that a newer Lepton Edge wrote it.

    Checked before anything else: a newer format has keys that would only look unknown.
    """
    try:
        version = msgspec.json.decode(text, type=_Versioned).format
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError):
        return
    if version > FORMAT_VERSION:
        raise BundleVersionError(
            f"this is format {version}, and this version of Lepton Edge reads up to {FORMAT_VERSION}; "
            "install a newer one"
        )


def encode_card(card: Card) -> bytes:
    """Return the card as JSON, always the same bytes for the same card."""
    return msgspec.json.encode(card, order="deterministic")
