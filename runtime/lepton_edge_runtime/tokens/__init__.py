"""How a text becomes the tensor that a model expects: the contract that bundles carry.

The words are those of Keras' ``TextVectorization``, and so is every token: ``tokenizer.py`` carries it out.
"""

from math import prod
from typing import Literal

import msgspec

from lepton_edge_runtime.tensors import TensorSpec

Standardize = Literal["lower_and_strip_punctuation", "lower", "strip_punctuation", "none"]
Split = Literal["whitespace", "character", "none"]
Encoding = Literal["int", "multi_hot", "count", "tf_idf"]

TOKENS_MAX = 1 << 20
"""Tokens of a vocabulary, the special ones included."""

_NGRAM_MAX = 16
_INTEGERS = ("int32", "int64")
MASK, UNKNOWN = "", "[UNK]"
"""The first tokens of a vocabulary, as Keras writes them: what fills up a short text, and what is not known."""


class Tokenize(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a text becomes numbers.

    Attributes:
        size: Tokens of the vocabulary, the special ones included.
        standardize: What is done to the text first. Only the letters A to Z are lowered, only ASCII punctuation goes.
        split: ``whitespace`` (of ASCII), ``character``, or ``none``: the whole text is one token.
        ngrams: How many neighbours make one token, in this order, joined by a space; empty for single ones.
        encoding: ``int``: the index of each token, in order, cut or filled up with 0. Else one number a token of the
            vocabulary: whether it is there (``multi_hot``), how often (``count``), or how often times its weight
            (``tf_idf``).

    Example:
        >>> Tokenize(size=20_000).describe()
        '20,000 tokens, lower_and_strip_punctuation, split at whitespace, int'
    """

    size: int
    standardize: Standardize = "lower_and_strip_punctuation"
    split: Split = "whitespace"
    ngrams: tuple[int, ...] = ()
    encoding: Encoding = "int"

    def __post_init__(self) -> None:
        """Refuse what makes no tokens."""
        if not self.first < self.size <= TOKENS_MAX:
            raise ValueError(
                f"a vocabulary has at least one token beside {self.first} special, and at most {TOKENS_MAX}, not "
                f"{self.size}"
            )
        if any(not 1 <= one <= _NGRAM_MAX for one in self.ngrams) or len(self.ngrams) > _NGRAM_MAX:
            raise ValueError(f"ngrams are numbers of neighbours, 1 to {_NGRAM_MAX}, not {self.ngrams}")

    @property
    def special(self) -> tuple[str, ...]:
        """The tokens at the beginning of the vocabulary that stand for no text."""
        return (MASK, UNKNOWN) if self.encoding == "int" else (UNKNOWN,)

    @property
    def first(self) -> int:
        """Index of the first token that stands for a text."""
        return len(self.special)

    def fits(self, spec: TensorSpec) -> bool:
        """Return whether a tensor takes what this makes."""
        if not spec.shape or prod(spec.shape) != spec.shape[-1]:
            return False
        if self.encoding == "int":
            return spec.dtype in (*_INTEGERS, "float32") and spec.quant is None
        return spec.shape[-1] >= self.size and (spec.quant is not None or spec.dtype.startswith("float"))

    def describe(self) -> str:
        """Return one line for people."""
        split = "not split" if self.split == "none" else f"split at {self.split}"
        ngrams = f", n-grams of {', '.join(map(str, self.ngrams))}" if self.ngrams else ""
        return f"{self.size:,} tokens, {self.standardize}, {split}{ngrams}, {self.encoding}"
