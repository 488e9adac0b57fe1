"""Golden samples for a bundle: seeded synthetic inputs, and what the finished files answer to them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.artefacts import Artefact, stored_inputs
from lepton_edge_converters.errors import ConversionError
from lepton_edge_converters.facts import ModelFacts
from lepton_edge_converters.samples import store
from lepton_edge_converters.samples.synthetic import SyntheticSamples
from lepton_edge_runtime.card import OutputCard
from lepton_edge_runtime.golden import FLOAT_SHARE, ONNX_FLOAT_SHARE, ONNX_STEPS, Golden, encode_golden
from lepton_edge_runtime.preprocess import Preprocess

_SAMPLES = 4


def make_golden(
    artefacts: list[Artefact],
    facts: ModelFacts,
    preprocess: tuple[Preprocess | None, ...],
    folder: Path,
    call: Callable[..., Any],
    *,
    seed: int,
    extremes: Sequence[tuple[float, float]],
) -> tuple[bytes, dict[str, tuple[float, ...]]]:
    """Return the golden samples, and for each model file how far its outputs may lie from them.

    ``extremes`` are those of the judged samples, so that numbers which are no pictures lie where the model is
    known to answer. The first artefact's answers are the expected ones. LiteRT's 8-bit kernels give the same
    integers on every processor, so an int8 TFLite file must answer exactly.

    Raises:
        ConversionError: An artefact answers NaN or infinite values, which nothing could be compared with.
    """
    synthetic = SyntheticSamples(facts.inputs, preprocess, count=_SAMPLES, seed=seed, extremes=extremes)
    samples = store(synthetic, np.arange(_SAMPLES), preprocess, folder, "golden")
    answers = {one.member: call("artefacts:answer_samples", one, samples) for one in artefacts}
    for one in artefacts:
        if not all(np.isfinite(answer).all() for answer in answers[one.member]):
            raise ConversionError(f"{one.title} answers NaN or infinite values to samples like the judged ones")
    first = artefacts[0]
    expected = answers[first.member]
    inputs = stored_inputs(samples, first.card, 0, _SAMPLES)
    golden = Golden(
        tuple(_per_sample(tensor, end.tensor.shape) for tensor, end in zip(inputs, first.card.inputs, strict=True)),
        tuple(_per_sample(tensor, end.tensor.shape) for tensor, end in zip(expected, first.card.outputs, strict=True)),
    )
    integers = any(end.tensor.quant for end in first.card.outputs)
    tolerance = {
        one.member: tuple(
            _tolerance(one, output, wanted, answer, integers=integers)
            for output, wanted, answer in zip(first.card.outputs, expected, answers[one.member], strict=True)
        )
        for one in artefacts
    }
    return encode_golden(golden), tolerance


def _per_sample(tensor: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return samples × the tensor's shape, batch axis included."""
    return tensor.reshape(-1, *shape)


def _tolerance(
    artefact: Artefact, output: OutputCard, expected: NDArray[Any], answer: NDArray[Any], *, integers: bool
) -> float:
    largest = float(np.abs(expected.astype(np.float64)).max(initial=0.0))
    here = float(np.abs(expected.astype(np.float64) - answer.astype(np.float64)).max(initial=0.0))
    exact = artefact.backend == "tflite"
    if output.tensor.quant is not None:
        return 0.0 if exact else max(ONNX_STEPS, 2 * here)
    if np.dtype(output.tensor.dtype).kind in "iub":
        return 0.0 if exact else 2 * here
    share = FLOAT_SHARE if exact or not integers else ONNX_FLOAT_SHARE
    return max(share * largest, 2 * here, 1e-6)
