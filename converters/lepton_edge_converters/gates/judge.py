"""The gates, in the order in which they are reported."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.artefacts import Artefact, Batched
from lepton_edge_converters.exporters import DERIVED
from lepton_edge_converters.gates.bounds import accuracy_gate, metric_gates
from lepton_edge_converters.gates.likeness import Likeness, decisions, likeness
from lepton_edge_converters.gates.statistics import paired_drop, share
from lepton_edge_converters.metrics import Metric
from lepton_edge_converters.metrics.bootstrap import scored
from lepton_edge_converters.recipe import CALIBRATED, Gates, Recipe
from lepton_edge_converters.report import GateResult, decibels
from lepton_edge_converters.report.numbers import Drop, Loss, Score, Share
from lepton_edge_runtime.formats.tflite import read_tflite
from lepton_edge_runtime.tensors import quantize

BATCH = 3
"""Samples at once on which a file with a free batch is tried: no size that another axis is likely to have."""

_FLOATS = {"float32", "float16", "float64"}
_BORDERS = {"QUANTIZE", "DEQUANTIZE"}
_LEVELS_MIN = 16  # a model made for fewer grey levels is not known; one fed by mistake has two


@dataclass(frozen=True, slots=True)
class Judgement:
    """How one artefact answered the held-out samples.

    Attributes:
        artefact: Which.
        outputs: Its answers as real numbers, one array an output, behind an activation that its file leaves out.
        decided: The class it decided for each sample; ``None`` if nothing is decided.
        likeness: To the original's outputs.
        agreement: Share decided as the original.
        accuracy, drop: With labels.
        batched: What it answered to the first samples at once, where its batch is free.
        original_score: What a metric of the user's own says of the original.
        score, loss: What the metric says of it, and how much less than of the original; where there is a metric.
    """

    artefact: Artefact
    outputs: list[NDArray[Any]]
    decided: NDArray[np.int64] | None
    likeness: Likeness
    agreement: Share | None = None
    accuracy: Share | None = None
    drop: Drop | None = None
    batched: Batched | None = None
    original_score: Score | None = None
    score: Score | None = None
    loss: Loss | None = None


def judge(
    artefact: Artefact,
    stored: Sequence[NDArray[Any]],
    reference: Sequence[NDArray[Any]],
    targets: NDArray[np.int64] | None,
    batched: Batched | None = None,
    metric: Metric | None = None,
) -> Judgement:
    """Return how an artefact's stored answers compare with the original's real ones.

    Raises:
        MetricError: The metric is not for these outputs, or failed.
    """
    outputs, card = artefact.real(stored), artefact.original
    decided, expected = decisions(outputs, card), decisions(reference, card)
    found = Judgement(artefact, outputs, decided, likeness(reference, outputs, card.outputs), batched=batched)
    if metric is not None:
        found = _measured(found, metric, reference)
    if decided is None or expected is None:
        return found
    found = replace(found, agreement=share(decided == expected))
    if targets is None:
        return found
    right, was_right = decided == targets, expected == targets
    return replace(found, accuracy=share(right), drop=paired_drop(was_right, right))


def _measured(judgement: Judgement, metric: Metric, reference: Sequence[NDArray[Any]]) -> Judgement:
    original, score, loss = scored(metric, reference, judgement.outputs, judgement.artefact.original)
    if isnan(score.value) and not metric.asked:
        return judgement  # such as R² of an output that is the same for all samples
    # Ours say 1 of the original, which is no news.
    return replace(judgement, original_score=original if metric.own else None, score=score, loss=loss)


def run_gates(recipe: Recipe, judgements: Sequence[Judgement]) -> list[GateResult]:
    """Return what each gate found, all of them, refused or not."""
    results: list[GateResult] = []
    for judgement in judgements:
        results += _operators(recipe, judgement.artefact)
        results += _bytes_told_apart(judgement.artefact)
        results += _faithful(recipe.gates, judgement)
        results += _batch_alike(recipe.gates, judgement)
        results += accuracy_gate(recipe, judgement.artefact.title, judgement.drop)
        results += metric_gates(recipe, judgement.artefact.title, judgement.score, judgement.loss)
    results += _formats_agree(recipe.gates, judgements)
    return results


def _operators(recipe: Recipe, artefact: Artefact) -> Iterator[GateResult]:
    """Every operator is one that plain LiteRT has; where activations are integers, none computes in float unasked."""
    if artefact.backend != "tflite":
        return
    operators = read_tflite(artefact.path.read_bytes()).operators
    custom = sorted({operator.kind for operator in operators if operator.custom})
    name = f"{artefact.title} operators"
    if custom:
        yield GateResult(
            name,
            passed=False,
            detail=f"needs kernels that LiteRT on a device has not: {', '.join(custom)}",
            about="file",
        )
        return
    if recipe.scheme not in CALIBRATED:
        yield GateResult(name, passed=True, detail=f"{len(operators)}, all built in", about="file")
        return
    floats = [one for one in operators if one.dtypes & _FLOATS and one.kind not in _BORDERS]
    hidden = [one for one in floats if one.output not in artefact.in_float]
    asked = f" beside {len(floats) - len(hidden)} that were asked for" if len(floats) > len(hidden) else ""
    if hidden:
        listed = ", ".join(sorted({f"{one.kind} ({one.output})" for one in hidden})[:4])
        detail = f"{len(hidden)} of {len(operators)} compute in float{asked}: {listed}"
        yield GateResult(name, passed=False, detail=detail, about="file")
    else:
        yield GateResult(name, passed=True, detail=f"{len(operators)}, all in integers{asked}", about="file")


def _bytes_told_apart(artefact: Artefact) -> Iterator[GateResult]:
    """Grey levels of a picture stay different numbers at the input."""
    for end in artefact.card.inputs:
        if end.preprocess is None or end.tensor.quant is None:
            continue
        table = quantize(end.preprocess.levels(), end.tensor)
        levels = min(len(np.unique(table[:, channel])) for channel in range(table.shape[1]))
        detail = f"{levels} of 256 grey levels stay apart (at least {_LEVELS_MIN})"
        yield GateResult(f"{artefact.title} input {end.tensor.name!r}", levels >= _LEVELS_MIN, detail, about="file")


def _faithful(gates: Gates, judgement: Judgement) -> Iterator[GateResult]:
    """Outputs and decisions are the original model's."""
    title, alike = judgement.artefact.title, judgement.likeness
    finite = all(np.isfinite(output).all() for output in judgement.outputs)
    # Where classes are decided, the scores' common part is part of the answer; plain numbers are told by their spread.
    sqnr = alike.sqnr_db if judgement.agreement is not None else min(alike.sqnr_db, alike.spread_db)
    passed = finite and alike.cosine >= gates.min_cosine and sqnr >= gates.min_sqnr_db
    detail = (
        f"cosine {alike.cosine:.5f} (at least {gates.min_cosine:g}), "
        f"SQNR {decibels(sqnr)} (at least {gates.min_sqnr_db:g})"
    )
    yield GateResult(f"{title} outputs", passed, detail if finite else f"NaN or infinite values; {detail}")
    if judgement.agreement is not None:
        detail = f"{judgement.agreement} decided as by the original (at least {gates.min_agreement:.1%})"
        yield GateResult(f"{title} agreement", judgement.agreement.value >= gates.min_agreement, detail)


def _batch_alike(gates: Gates, judgement: Judgement) -> Iterator[GateResult]:
    """Several samples at once are answered, row by row, as each is alone."""
    if judgement.batched is None:
        return
    name = f"{judgement.artefact.title} batch of {BATCH}"
    if judgement.batched.refusal:
        detail = (
            f"{judgement.batched.refusal}; the model fixes its batch inside: convert it for batches of 1 (--batch 1)"
        )
        yield GateResult(name, passed=False, detail=detail, about="file")
        return
    together = judgement.artefact.real(judgement.batched.outputs)
    alone = [np.resize(output[:BATCH], rows.shape) for output, rows in zip(judgement.outputs, together, strict=True)]
    alike = likeness(alone, together)
    sqnr = min(alike.sqnr_db, alike.spread_db)
    passed = sqnr >= gates.min_parity_db
    detail = f"each sample answered as alone, SQNR {decibels(sqnr)} (at least {gates.min_parity_db:g})"
    remedy = "; the model mixes the samples of a batch: convert it for batches of 1 (--batch 1)"
    yield GateResult(name, passed, detail if passed else detail + remedy, about="file")


def _formats_agree(gates: Gates, judgements: Sequence[Judgement]) -> Iterator[GateResult]:
    """ONNX answers as TFLite does: nearly to the bit where it is derived from it."""
    by_backend = {judgement.artefact.backend: judgement for judgement in judgements}
    if len(by_backend) < 2:
        return
    one, other = by_backend["tflite"], by_backend["onnx"]
    alike = likeness(one.outputs, other.outputs, one.artefact.original.outputs)
    largest = max(float(np.abs(a - b).max(initial=0)) for a, b in zip(one.outputs, other.outputs, strict=True))
    derived = other.artefact.route == DERIVED
    near = alike.sqnr_db >= gates.min_parity_db if derived else alike.cosine >= gates.min_cosine
    bound = (
        f"SQNR {decibels(alike.sqnr_db)} (at least {gates.min_parity_db:g})"
        if derived
        else f"cosine {alike.cosine:.5f}"
    )
    found = f"{bound}, largest difference {largest:.3g}"
    if one.decided is None or other.decided is None:
        yield GateResult("ONNX like TFLite", near, found)
        return
    agreement = share(one.decided == other.decided)
    detail = f"{agreement} decided alike (at least {gates.min_parity:.1%}), {found}"
    yield GateResult("ONNX like TFLite", near and agreement.value >= gates.min_parity, detail)
