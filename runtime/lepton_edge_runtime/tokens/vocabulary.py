"""A vocabulary: its tokens, their weights, and the text file in which a bundle has them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.tokens import Tokenize

VOCABULARY = "vocabulary.txt"
"""The member of a bundle."""

VOCABULARY_BYTES_MAX = 64 << 20
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_MEANT = {escape[1]: character for character, escape in _ESCAPES.items()}
_WEIGHT_MAX = 1e9


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokens of a model.

    Attributes:
        tokens: The special ones first; a token's place is its index.
        weights: One a token for ``tf_idf``, each a ``float32``; else ``None``.
    """

    tokens: tuple[str, ...]
    weights: tuple[float, ...] | None = None


def encode_vocabulary(vocabulary: Vocabulary) -> bytes:
    r"""Return a vocabulary as UTF-8: one token a line, after a tab its weight if it has one.

    A backslash, an end of line and a tab in a token are written ``\\``, ``\n``, ``\r`` and ``\t``.
    """
    table = str.maketrans(_ESCAPES)
    lines = [token.translate(table) for token in vocabulary.tokens]
    if vocabulary.weights is not None:
        # The shortest decimal that is this float32 and no other.
        lines = [f"{line}\t{np.float32(weight)!s}" for line, weight in zip(lines, vocabulary.weights, strict=True)]
    return "".join(f"{line}\n" for line in lines).encode()


def decode_vocabulary(content: bytes, tokenize: Tokenize) -> Vocabulary:
    """Return the vocabulary in ``content``, which must be as the card says.

    Raises:
        BundleError: It is not, or holds a token twice.
    """
    if len(content) > VOCABULARY_BYTES_MAX:
        raise BundleError(f"{VOCABULARY} is larger than {VOCABULARY_BYTES_MAX >> 20} MB")
    try:
        lines = content.decode().split("\n")
    except UnicodeDecodeError as problem:
        raise BundleError(f"{VOCABULARY} is no text in UTF-8: {problem}") from problem
    if lines.pop() or len(lines) != tokenize.size:
        raise BundleError(f"{VOCABULARY} has {len(lines)} lines, and the card says {tokenize.size} tokens")
    weights = None
    if tokenize.encoding == "tf_idf":
        pairs = [line.rpartition("\t") for line in lines]
        lines = [token for token, _, _ in pairs]
        weights = _weights([weight for _, _, weight in pairs])
    tokens = tuple(_unescaped(line, number) for number, line in enumerate(lines, start=1))
    wrong = flaw(tokens, tokenize)
    if wrong:
        raise BundleError(f"{VOCABULARY} {wrong}")
    return Vocabulary(tokens, weights)


def flaw(tokens: Sequence[str], tokenize: Tokenize) -> str:
    """Return what is wrong with a vocabulary, as the end of a sentence; empty if nothing is."""
    special, plain = tuple(tokens[: tokenize.first]), tokens[tokenize.first :]
    if special != tokenize.special:
        return f"begins with {', '.join(map(repr, special))}, and not with {', '.join(map(repr, tokenize.special))}"
    if len(set(plain)) != len(plain):
        seen: set[str] = set()
        twice = next(one for one in plain if one in seen or seen.add(one))  # type: ignore[func-returns-value]
        return f"holds the token {twice!r} twice"
    if "" in plain:
        return "holds an empty token beside the one that fills up short texts"
    return ""


def _unescaped(line: str, number: int) -> str:
    if "\\" not in line and "\t" not in line:
        return line
    parts, i = [], 0
    while i < len(line):
        character = line[i]
        if character == "\\":
            i += 1
            if line[i : i + 1] not in _MEANT:
                raise BundleError(f"{VOCABULARY}: line {number} has a backslash that begins no escape: {line!r}")
            character = _MEANT[line[i]]
        elif character == "\t":
            raise BundleError(f"{VOCABULARY}: line {number} has a weight, and the card asks for none: {line!r}")
        parts.append(character)
        i += 1
    return "".join(parts)


def _weights(texts: list[str]) -> tuple[float, ...]:
    try:
        weights = np.array([float(one) for one in texts], np.float32)
    except ValueError as problem:
        raise BundleError(f"{VOCABULARY} has no weight after each token, behind a tab: {problem}") from problem
    if not (np.abs(weights) < _WEIGHT_MAX).all():  # NaN neither
        raise BundleError(f"{VOCABULARY} has a weight that is no number below {_WEIGHT_MAX:g}")
    return tuple(weights.tolist())
