"""Everything measured, as a report."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from lepton_edge_converters.artefacts import Artefact
from lepton_edge_converters.clips import of_clips
from lepton_edge_converters.gates.bounds import samples_gates
from lepton_edge_converters.gates.judge import Judgement, run_gates
from lepton_edge_converters.gates.likeness import decisions
from lepton_edge_converters.gates.statistics import share
from lepton_edge_converters.preparation import Job, Plan
from lepton_edge_converters.quantize.mixed import bought
from lepton_edge_converters.report import Report, Row
from lepton_edge_converters.report.numbers import Share
from lepton_edge_converters.speed import Timings
from lepton_edge_converters.toolchain import read_toolchain
from lepton_edge_runtime.card import Card
from lepton_edge_runtime.formats.tflite import read_tflite
from lepton_edge_runtime.machine import describe_machine

_NOTICED_MS = 0.005  # below, a call from Python hides it
_NOTICED_SHARE = 0.1  # of the size; below, "1.0 times" would tell nothing


def summarize(
    plan: Plan,
    judgements: list[Judgement],
    compared: list[Artefact],
    plain: list[Judgement],
    timings: Timings,
    output: Path,
    job: Job,
) -> Report:
    """Return everything measured, and what each gate found, as a report."""
    float_files = (one.path for one in compared if one.backend == "tflite")
    beside = {one.backend: one for one in compared}
    rows = [describe(one.artefact, timings, one, beside=compared) for one in judgements]
    remarks = [
        remark
        for one, row in zip(judgements, rows, strict=True)
        if (reference := beside.get(one.artefact.backend)) is not None
        for remark in surprises(row, reference, meant_to_be_fast=job.recipe.scheme == "int8")
    ]
    remarks += [f"{row.title}: {row.route}" for row in rows if "not derived" in row.route]
    return Report(
        model=plan.facts.name,
        output=output,
        scheme=job.recipe.scheme,
        task=plan.draft.task,
        preprocess=_prepared(plan),
        parameters=plan.facts.parameters,
        macs=_macs(next(float_files, job.folder / "float32.tflite")),
        size_bytes=0,
        samples=plan.counts,
        rows=(
            Row(
                "original",
                shipped=False,
                accuracy=original_accuracy(plan, judgements[0].artefact.original),
                route="the original",
                score=judgements[0].original_score,
            ),
            *(describe(one, timings) for one in compared),
            *(describe(one.artefact, timings, one, beside=compared) for one in plain),
            *rows,
        ),
        gates=(*run_gates(job.recipe, judgements), *samples_gates(job.recipe, plan.lint)),
        warnings=(*plan.warnings, *bought(judgements, plain, job.recipe.float_layers, timings), *remarks),
        machine=describe_machine(),
        versions=read_toolchain().packages,
        seconds=0.0,
        changes=plan.changes,
        lint=plan.lint,
        pruned=plan.pruned,
    )


def _prepared(plan: Plan) -> tuple[str, ...]:
    """Return how each input is prepared, for people."""
    texts = tuple(one.describe() for one in plan.draft.tokenize if one is not None)
    return of_clips(plan.preprocess, plan.facts.inputs) + texts


def _macs(tflite: Path) -> int | None:
    """Return the multiply-accumulates of one run; ``None`` where a loop hides how many there are."""
    file = read_tflite(tflite.read_bytes())
    return None if "WHILE" in file.counts() else file.macs


def original_accuracy(plan: Plan, card: Card) -> Share | None:
    """Return the original model's accuracy on the held-out samples; ``None`` without labels."""
    decided, targets = decisions(plan.reference, card), plan.judged.targets
    return share(decided == targets) if decided is not None and targets is not None else None


def describe(
    artefact: Artefact, timings: Timings, judgement: Judgement | None = None, *, beside: Sequence[Artefact] = ()
) -> Row:
    """Return an artefact's row, as far as it was judged, its time set beside the float file of the same engine."""
    alike = judgement.likeness if judgement else None
    reference = next((one for one in beside if one.backend == artefact.backend), None)
    return Row(
        artefact.title,
        shipped=artefact.shipped,
        size_bytes=artefact.path.stat().st_size,
        accuracy=judgement.accuracy if judgement else None,
        drop=judgement.drop if judgement else None,
        agreement=judgement.agreement if judgement else None,
        cosine=alike.cosine if alike else None,
        sqnr_db=alike.sqnr_db if alike else None,
        latency=timings.latency(artefact.title),
        times_float=timings.ratio(artefact.title, reference.title) if reference else None,
        route=artefact.route if artefact.shipped else f"{artefact.route}, for comparison",
        score=judgement.score if judgement else None,
        loss=judgement.loss if judgement else None,
    )


def surprises(row: Row, reference: Artefact, *, meant_to_be_fast: bool) -> Iterator[str]:
    """Say where a small file is slower than the float one, no faster, or no smaller."""
    ratio = row.times_float
    if ratio and row.latency and ratio.slower and row.latency.median_ms * (1 - 1 / ratio.value) > _NOTICED_MS:
        yield f"{row.title} is slower than {reference.title} here: {ratio.value:.1f} times its time"
    elif ratio and meant_to_be_fast and not ratio.faster:
        yield f"{row.title} is no faster than {reference.title} here: {ratio} times its time"
    size = reference.path.stat().st_size
    if row.size_bytes and row.size_bytes > size:
        more = row.size_bytes - size
        told = f"by {more:,} bytes" if more < _NOTICED_SHARE * size else f"{row.size_bytes / size:.1f} times its size"
        yield f"{row.title} is larger than {reference.title}: {told}"
