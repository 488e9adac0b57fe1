"""A TFLite file with float ends, run on samples that calibrate, and how far its answers are from another's."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from lepton_edge_converters.gates.likeness import likeness
from lepton_edge_converters.quantize.layers import output_number
from lepton_edge_converters.samples import StoredSamples

_ENOUGH = 128  # samples, to choose between ways to quantize: more would change no choice

Sample = dict[str, NDArray[Any]]


def feed(samples: StoredSamples, most: int = _ENOUGH) -> list[Sample]:
    """Return samples as the signature of a traced model takes them, at most so many, spread over all there are."""
    return list(_fed(samples, np.unique(np.linspace(0, len(samples) - 1, min(most, len(samples))).round().astype(int))))


def _fed(samples: StoredSamples, chosen: NDArray[np.int64]) -> Iterator[Sample]:
    for i in chosen:
        yield {f"input_{k}": tensor for k, tensor in enumerate(samples.real(int(i), int(i) + 1))}


def answers(content: bytes, samples: Sequence[Sample]) -> list[NDArray[Any]]:
    """Return the outputs for all samples, one array an output, samples first.

    Raises:
        ValueError, RuntimeError: LiteRT cannot load or run the file.
    """
    run = Interpreter(model_content=content, num_threads=os.cpu_count() or 1).get_signature_runner()
    found = [run(**sample) for sample in samples]
    keys = sorted(found[0], key=output_number)
    return [np.concatenate([one[key] for one in found]) for key in keys]


def sqnr_db(reference: Sequence[NDArray[Any]], found: Sequence[NDArray[Any]]) -> float:
    """Return how far answers stand out of their error, of the worst output, in decibels; ``inf`` if there is none.

    What counts is what tells the samples apart: the part that all outputs have in common is taken away.
    """
    return likeness(reference, found).spread_db
