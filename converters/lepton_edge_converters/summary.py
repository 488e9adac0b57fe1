"""Everything measured, as a report."""

from importlib.metadata import version
from pathlib import Path

from lepton_edge_converters.artefacts import Artefact
from lepton_edge_converters.gates.bounds import samples_gates
from lepton_edge_converters.gates.judge import Judgement, run_gates
from lepton_edge_converters.gates.likeness import decisions
from lepton_edge_converters.gates.statistics import share
from lepton_edge_converters.preparation import Job, Plan
from lepton_edge_converters.quantize.mixed import bought
from lepton_edge_converters.report import Report, Row, Share
from lepton_edge_runtime.card import Card
from lepton_edge_runtime.formats.tflite import read_tflite
from lepton_edge_runtime.machine import describe_machine
from lepton_edge_runtime.timing import Latency

_PACKAGES = (
    "lepton-edge",
    "tensorflow",
    "keras",
    "tf2onnx",
    "onnx",
    "onnxruntime",
    "ai-edge-litert",
    "numpy",
)


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that a conversion depends on."""
    return {name: version(name) for name in _PACKAGES}


def summarize(
    plan: Plan,
    judgements: list[Judgement],
    compared: list[Artefact],
    plain: list[Judgement],
    latencies: dict[str, Latency],
    output: Path,
    job: Job,
) -> Report:
    """Return everything measured, and what each gate found, as a report."""
    tflite = next(job.folder.glob("float32.tflite"))
    return Report(
        model=plan.facts.name,
        output=output,
        scheme=job.recipe.scheme,
        task=plan.draft.task,
        preprocess=tuple(one.describe() for one in plan.preprocess if one is not None),
        parameters=plan.facts.parameters,
        macs=_macs(tflite),
        size_bytes=0,
        samples=plan.counts,
        rows=(
            Row(
                "original",
                shipped=False,
                accuracy=original_accuracy(plan, judgements[0].artefact.card),
                route="the original",
                score=judgements[0].original_score,
            ),
            *(_compared_row(one, latencies) for one in compared),
            *(_row(judgement, latencies) for judgement in [*plain, *judgements]),
        ),
        gates=(*run_gates(job.recipe, judgements), *samples_gates(job.recipe, plan.lint)),
        warnings=(
            *plan.warnings,
            *bought(judgements, plain, job.recipe.float_layers, latencies),
            *_speed_warnings(judgements, compared, latencies),
        ),
        machine=describe_machine(),
        versions=package_versions(),
        seconds=0.0,
        changes=plan.changes,
        lint=plan.lint,
    )


def _macs(tflite: Path) -> int | None:
    """Return the multiply-accumulates of one run; ``None`` where a loop hides how many there are."""
    file = read_tflite(tflite.read_bytes())
    return None if "WHILE" in file.counts() else file.macs


def original_accuracy(plan: Plan, card: Card) -> Share | None:
    """Return the original model's accuracy on the held-out samples; ``None`` without labels."""
    decided, targets = decisions(plan.reference, card), plan.judged.targets
    return share(decided == targets) if decided is not None and targets is not None else None


def _compared_row(artefact: Artefact, latencies: dict[str, Latency]) -> Row:
    return Row(
        artefact.title,
        shipped=False,
        size_bytes=artefact.path.stat().st_size,
        latency=latencies[artefact.title],
        route=f"{artefact.route}, for comparison",
    )


def _row(judgement: Judgement, latencies: dict[str, Latency]) -> Row:
    artefact = judgement.artefact
    return Row(
        artefact.title,
        shipped=artefact.shipped,
        size_bytes=artefact.path.stat().st_size,
        accuracy=judgement.accuracy,
        drop=judgement.drop,
        agreement=judgement.agreement,
        cosine=judgement.likeness.cosine,
        sqnr_db=judgement.likeness.sqnr_db,
        latency=latencies[artefact.title],
        route=artefact.route if artefact.shipped else f"{artefact.route}, for comparison",
        score=judgement.score,
        loss=judgement.loss,
    )


def _speed_warnings(judgements: list[Judgement], compared: list[Artefact], latencies: dict[str, Latency]) -> list[str]:
    """Say where a small file is no faster: the usual surprise."""
    warnings = []
    for judgement in judgements:
        artefact = judgement.artefact
        for other in compared:
            mine, theirs = latencies[artefact.title].minimum_ms, latencies[other.title].minimum_ms
            if other.backend == artefact.backend and mine > 1.1 * theirs + 0.005:
                warnings.append(
                    f"{artefact.title} is slower than {other.title} here: {mine / theirs:.1f} times its time"
                )
            sizes = artefact.path.stat().st_size, other.path.stat().st_size
            if other.backend == artefact.backend and sizes[0] > sizes[1]:
                warnings.append(
                    f"{artefact.title} is larger than {other.title}: {sizes[0] / sizes[1]:.1f} times its size"
                )
    warnings.extend(
        f"{judgement.artefact.title}: {judgement.artefact.route}"
        for judgement in judgements
        if "not derived" in judgement.artefact.route
    )
    return warnings
