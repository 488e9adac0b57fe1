"""The finished files into a bundle: model files, golden samples, manifest."""

from pathlib import Path
from typing import Any

import msgspec

from lepton_edge_converters import cards
from lepton_edge_converters.gates.judge import Judgement
from lepton_edge_converters.golden import make_golden
from lepton_edge_converters.preparation import Job, Plan
from lepton_edge_converters.samples import SyntheticSamples
from lepton_edge_converters.summary import original_accuracy, package_versions
from lepton_edge_runtime.bundle import GOLDEN, Manifest, Measured, Provenance, write_bundle


def write(output: Path, model: Any, plan: Plan, judgements: list[Judgement], job: Job) -> None:
    """Write the bundle: model files, golden samples, manifest.

    It is opened as a device opens it before it gets its name.
    """
    artefacts = [judgement.artefact for judgement in judgements]
    golden, tolerance = make_golden(
        artefacts,
        plan.facts,
        plan.preprocess,
        job.folder,
        job.call,
        seed=job.recipe.seed,
        extremes=plan.judged.extremes(),
    )
    members = {artefact.member: artefact.path.read_bytes() for artefact in artefacts}
    members[GOLDEN] = golden
    fingerprint = "" if plan.counts.origin == SyntheticSamples.origin else plan.judged.fingerprint()
    if plan.calibration is not None:
        fingerprint = cards.joined_hash(plan.calibration.fingerprint(), fingerprint)
    manifest = Manifest(
        card=artefacts[0].card,
        recipe=msgspec.Raw(msgspec.json.encode(job.recipe, order="deterministic")),
        provenance=Provenance(
            source=Path(model).name if isinstance(model, str | Path) else plan.facts.name,
            source_sha256=plan.facts.sha256,
            data_sha256=fingerprint,
            route={artefact.member: artefact.route for artefact in artefacts},
            versions=package_versions(),
        ),
        measured={j.artefact.member: _measured(j, plan) for j in judgements},
        tolerance=tolerance,
        members={},
    )
    proof = job.folder / output.name
    write_bundle(proof, manifest, members)
    job.call("artefacts:prove_bundle", proof)
    write_bundle(output, manifest, members)


def _measured(judgement: Judgement, plan: Plan) -> Measured:
    original = original_accuracy(plan, judgement.artefact.card)
    return Measured(
        samples=len(plan.judged),
        accuracy=judgement.accuracy.value if judgement.accuracy else None,
        float_accuracy=original.value if original else None,
        agreement=judgement.agreement.value if judgement.agreement else None,
    )
