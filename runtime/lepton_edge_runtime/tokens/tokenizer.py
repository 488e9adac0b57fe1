"""A ``Tokenize`` compiled with its vocabulary for a tensor: what Keras' ``TextVectorization`` gives, to the bit."""

import string
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.errors import BundleError, InputError
from lepton_edge_runtime.tensors import TensorSpec
from lepton_edge_runtime.tokens import Tokenize
from lepton_edge_runtime.tokens.vocabulary import Vocabulary

_PUNCTUATION = string.punctuation.encode()


class Tokenizer:
    """A text in, real numbers of the tensor's shape out.

    TensorFlow works on the bytes of UTF-8: it lowers A to Z alone, and splits at the white space of ASCII.

    Args:
        tokenize: What to do.
        vocabulary: Its tokens, as many as it says.
        spec: The tensor.

    Raises:
        BundleError: The tensor takes no such numbers.
    """

    def __init__(self, tokenize: Tokenize, vocabulary: Vocabulary, spec: TensorSpec) -> None:
        if not tokenize.fits(spec):
            raise BundleError(f"the input {spec.name!r} is {spec}, and takes no text of {tokenize.describe()}")
        self._tokenize = tokenize
        self._shape = spec.shape
        self._length = spec.shape[-1]
        self._dtype = np.dtype(spec.dtype) if tokenize.encoding == "int" else np.dtype(np.float32)
        self._unknown = tokenize.first - 1
        first = tokenize.first
        self._index = {token.encode(): first + i for i, token in enumerate(vocabulary.tokens[first:])}
        self._index[b""] = 0
        self._weights = None if vocabulary.weights is None else np.array(vocabulary.weights, np.float32)

    def __call__(self, text: str) -> NDArray[Any]:
        """Return the tensor, batch included, in real numbers: ``float32``, or the tensor's integers.

        Raises:
            InputError: The text cannot be written as UTF-8.
        """
        index, unknown = self._index, self._unknown
        tokens = self.tokens(text)
        if self._tokenize.encoding != "int":
            tokens = [token for token in tokens if token]  # what fills up is not counted
        found = [index.get(token, unknown) for token in tokens]
        if self._tokenize.encoding == "int":
            row = np.zeros(self._length, self._dtype)
            kept = found[: self._length]
            row[: len(kept)] = kept
            return row.reshape(self._shape)
        counts = np.bincount(np.array(found, np.intp), minlength=self._length).astype(np.float32)
        if self._tokenize.encoding == "multi_hot":
            counts = np.minimum(counts, 1)
        elif self._weights is not None:
            counts[: len(self._weights)] *= self._weights
        return counts.reshape(self._shape)

    def tokens(self, text: str) -> list[bytes]:
        """Return the tokens of a text, in UTF-8, known or not."""
        try:
            content = text.encode()
        except UnicodeEncodeError as problem:
            raise InputError(f"the text holds half of a character and is no UTF-8: {problem}") from problem
        wanted = self._tokenize
        if "lower" in wanted.standardize:
            content = content.lower()
        if "strip_punctuation" in wanted.standardize:
            content = content.translate(None, _PUNCTUATION)
        if wanted.split == "whitespace":
            parts = content.split()
        elif wanted.split == "character":
            parts = [character.encode() for character in content.decode()]
        else:
            parts = [content]
        if not wanted.ngrams:
            return parts
        return [b" ".join(parts[i : i + n]) for n in wanted.ngrams for i in range(len(parts) - n + 1)]
