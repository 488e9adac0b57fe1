"""The card: what a model takes, what it answers, and what its answers mean."""

from typing import Literal

import msgspec

from lepton_edge_runtime.errors import BundleError, BundleVersionError
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.tensors import TensorSpec
from lepton_edge_runtime.wire import decode_json

FORMAT_VERSION = 1

Activation = Literal["softmax", "sigmoid", "logits", "none"]
"""What the numbers of an output are: probabilities that sum to 1, independent probabilities, scores that
softmax turns into probabilities, or plain numbers."""


class InputCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One input: its tensor, and how a picture is prepared for it (``None`` where it takes no picture)."""

    tensor: TensorSpec
    preprocess: Preprocess | None = None


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
    """

    format: int = FORMAT_VERSION
    name: str
    task: str
    inputs: tuple[InputCard, ...]
    outputs: tuple[OutputCard, ...]
    labels: tuple[str, ...] = ()


class _Versioned(msgspec.Struct):
    format: int


def decode_card(text: bytes) -> Card:
    """Return the card written in ``text`` (JSON).

    Raises:
        BundleVersionError: It is of a newer format.
        BundleError: It is no card.
    """
    refuse_newer(text)
    return decode_json(text, Card, what="the card", error=BundleError)


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
