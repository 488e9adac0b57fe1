"""A model's texts: the vocabulary that a user gives, and the proof that they become what the model's layer makes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lepton_edge_converters.errors import LoadError
from lepton_edge_converters.facts import EndFacts, ModelFacts, TextFacts
from lepton_edge_converters.load.opened import OpenedModel
from lepton_edge_converters.said import Said
from lepton_edge_converters.samples import SampleSet
from lepton_edge_converters.samples.texts import TextSamples, synthetic_texts, tokenizer_of
from lepton_edge_runtime.tokens import Tokenize
from lepton_edge_runtime.tokens.vocabulary import VOCABULARY, Vocabulary, encode_vocabulary, flaw

_PROVED_MAX = 2000
_SYNTHETIC = 64


def with_vocabulary(facts: ModelFacts, said: Said) -> tuple[ModelFacts, list[str]]:
    """Return the facts of a model of token indices with the vocabulary that the user gives, and what is assumed.

    Raises:
        LoadError: The model takes no indices, knows fewer, or has a vocabulary of its own.
    """
    if not said.vocabulary:
        if said.standardize or said.split:
            raise LoadError("how texts are split goes with a vocabulary of yours: give one (--vocabulary)")
        return facts, []
    end = facts.inputs[0]
    if len(facts.inputs) != 1 or end.text is not None or len(end.shape) != 1:
        why = "has one of its own" if end.text is not None else "does not take one row of token indices"
        raise LoadError(f"a vocabulary was given, and the model {why}")
    special = Tokenize(size=3).special
    plain = said.vocabulary[len(special) :] if said.vocabulary[: len(special)] == special else said.vocabulary
    tokens = (*special, *plain)
    if end.indices is not None and len(tokens) > end.indices:
        raise LoadError(
            f"the vocabulary has {len(tokens):,} tokens, {len(special)} special ones included, and the model's "
            f"embedding knows {end.indices:,}"
        )
    try:
        tokenize = Tokenize(
            size=len(tokens),
            standardize=said.standardize or "lower_and_strip_punctuation",
            split=said.split or "whitespace",
        )
    except ValueError as wrong:
        raise LoadError(f"the vocabulary cannot be used: {wrong}") from wrong
    problem = flaw(tokens, tokenize)
    if problem:
        raise LoadError(f"the vocabulary {problem}")
    note = (
        f"the vocabulary was given: index 0 fills up, 1 is what is not known, {plain[0]!r} is 2; texts are prepared by "
        f"{tokenize.standardize}, split at {tokenize.split}"
    )
    text = TextFacts(tokenize, Vocabulary(tokens), own=False)
    return replace(facts, inputs=(replace(end, text=text),)), [note]


def prove_texts(opened: OpenedModel, facts: ModelFacts, samples: SampleSet, seed: int) -> list[str]:
    """Return what was proved of the model's texts, as sentences: none where it takes none, or its layer is not known.

    Raises:
        LoadError: A text becomes something else than what the model's own TextVectorization makes of it.
    """
    end = next((one for one in facts.inputs if one.text is not None and one.text.own), None)
    if end is None or end.text is None:
        return []
    texts = synthetic_texts(end.text, np.random.default_rng(seed), _SYNTHETIC)
    texts += samples.texts[:_PROVED_MAX] if isinstance(samples, TextSamples) else []
    _refuse_unlike(end, texts, opened)
    return [
        f"TextVectorization was split off, and is done by the runtime: {len(texts):,} texts became exactly its tensors"
    ]


def _refuse_unlike(end: EndFacts, texts: list[str], opened: OpenedModel) -> None:
    tokenizer = tokenizer_of(end)
    ours = np.concatenate([tokenizer(one) for one in texts])
    theirs = opened.vectorize(texts)
    if ours.shape != theirs.shape:
        raise LoadError(f"TextVectorization makes {theirs.shape[1:]} of a text, and the model takes {ours.shape[1:]}")
    unlike = np.flatnonzero((ours != theirs).any(axis=1))
    if len(unlike):
        raise LoadError(
            f"{len(unlike)} of {len(texts)} texts become another tensor than TextVectorization makes; the first is "
            f"{texts[int(unlike[0])]!r}: convert the part of the model that takes numbers"
        )


def text_members(inputs: Sequence[EndFacts]) -> dict[str, bytes]:
    """Return what a bundle holds of texts: the vocabulary, by its member's name."""
    texts = [one.text for one in inputs if one.text is not None]
    return {VOCABULARY: encode_vocabulary(texts[0].vocabulary)} if texts else {}
