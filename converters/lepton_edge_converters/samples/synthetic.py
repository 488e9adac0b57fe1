"""Samples made up, for when there is no data, and as golden ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.facts import EndFacts
from lepton_edge_converters.samples import numbered
from lepton_edge_converters.samples.texts import synthetic_texts, tokenizer_of
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.synthetic import noise_picture


class SyntheticSamples:
    """Seeded noise at several scales, as rough as pictures are, and texts of known tokens: for when there is no data.

    Args:
        inputs: What the model takes.
        preprocess: One an input; ``None`` where it takes no pictures.
        count: How many samples.
        seed: The same seed gives the same samples.
        extremes: Least and largest value of the user's samples for each input, where there are any: noise stays
            within them, since a square root or a vocabulary bears no other numbers.
    """

    targets: NDArray[np.int64] | None = None
    labels: tuple[str, ...] = ()
    origin: str = "seeded synthetic samples"

    def __init__(
        self,
        inputs: tuple[EndFacts, ...],
        preprocess: tuple[Preprocess | None, ...],
        *,
        count: int,
        seed: int,
        extremes: Sequence[tuple[float, float]] = (),
    ) -> None:
        self.count = count
        self._extremes: Sequence[tuple[float, float] | None] = extremes or [None] * len(inputs)
        self._inputs = inputs
        self._preprocess = preprocess
        self._seed = seed
        self._tokenizers = [tokenizer_of(end) if end.text else None for end in inputs]

    def load(self, indices: Sequence[int]) -> list[NDArray[Any]]:
        """Return the samples, each from its own seed."""
        generators = [[np.random.default_rng([self._seed, i, k]) for i in indices] for k in range(len(self._inputs))]
        return [
            np.stack(
                [self._text(k, rng) if end.text else _synthetic(end, preprocess, seen, rng) for rng in generators[k]]
            )
            for k, (end, preprocess, seen) in enumerate(
                zip(self._inputs, self._preprocess, self._extremes, strict=True)
            )
        ]

    def _text(self, k: int, rng: np.random.Generator) -> NDArray[Any]:
        """Return the numbers of a text made of the vocabulary's tokens."""
        tokenizer, text = self._tokenizers[k], self._inputs[k].text
        assert tokenizer is not None  # noqa: S101 - the caller looked
        assert text is not None  # noqa: S101 - likewise
        made: NDArray[Any] = tokenizer(synthetic_texts(text, rng, 1)[0])[0]
        return made

    def name(self, index: int) -> str:
        """Return which sample it is."""
        return numbered(index)


def _synthetic(
    end: EndFacts, preprocess: Preprocess | None, seen: tuple[float, float] | None, rng: np.random.Generator
) -> NDArray[Any]:
    shape = tuple(size or 1 for size in end.shape)
    if preprocess is not None and preprocess.size is not None:
        width, height = preprocess.size
        if end.clip is None:
            return noise_picture(height, width, preprocess.channels, rng)
        return np.stack([noise_picture(height, width, preprocess.channels, rng) for _ in range(shape[0])])
    if np.dtype(end.dtype).kind in "iu":
        low, high = seen or (0, 1)  # small, so that they are in any vocabulary
        return rng.integers(int(low), int(high), shape, endpoint=True).astype(end.dtype)
    if np.dtype(end.dtype).kind == "b":
        return rng.integers(0, 2, shape).astype(end.dtype)
    noise = rng.standard_normal(shape).astype(np.float32)
    return noise if seen is None else np.clip((seen[0] + seen[1]) / 2 + noise * (seen[1] - seen[0]) / 4, *seen)
