"""The finished files into a bundle: model files, golden samples, manifest."""

from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from numpy.typing import NDArray

from lepton_edge_converters import cards
from lepton_edge_converters.gates.judge import Judgement
from lepton_edge_converters.golden import make_golden
from lepton_edge_converters.lock import Data, Source
from lepton_edge_converters.preparation import Job, Plan
from lepton_edge_converters.samples.synthetic import SyntheticSamples
from lepton_edge_converters.summary import original_accuracy
from lepton_edge_converters.texts import text_members
from lepton_edge_converters.toolchain import read_toolchain
from lepton_edge_runtime.bundle import GOLDEN, Manifest, Measured, Provenance, write_bundle
from lepton_edge_runtime.text import printable


def pack(source: Source, data: Data, plan: Plan, judgements: list[Judgement], job: Job) -> Path:
    """Return the finished bundle in the job's folder: model files, golden samples, manifest.

    It has been opened as a device opens it.
    """
    artefacts = [judgement.artefact for judgement in judgements]
    golden, tolerance = make_golden(
        artefacts,
        plan.facts,
        plan.preprocess,
        job.folder,
        partial(job.stage, gives=list[NDArray[Any]]),
        seed=job.recipe.seed,
        extremes=plan.judged.extremes(),
    )
    members = {artefact.member: artefact.path.read_bytes() for artefact in artefacts}
    members |= {GOLDEN: golden, **text_members(plan.facts.inputs)}
    manifest = Manifest(
        card=artefacts[0].card,
        recipe=msgspec.Raw(msgspec.json.encode(job.recipe, order="deterministic")),
        provenance=Provenance(
            source=source.name,
            source_sha256=source.sha256,
            data_sha256=data.sha256,
            route={artefact.member: artefact.route for artefact in artefacts},
            versions=read_toolchain().packages,
        ),
        measured={j.artefact.member: _measured(j, plan) for j in judgements},
        tolerance=tolerance,
        members={},
    )
    proof = job.folder / "proof.lepton"
    write_bundle(proof, manifest, members)
    job.stage("artefacts:prove_bundle", proof, gives=type(None))
    return proof


def describe_sources(model: Any, plan: Plan) -> tuple[Source, Data]:
    """Return what a bundle is made from: the model, and the samples that calibrate and judge."""
    name = Path(model).name if isinstance(model, str | Path) else plan.facts.name
    counts = plan.counts
    fingerprint = "" if counts.origin == SyntheticSamples.origin else plan.judged.fingerprint()
    for more in (plan.calibration, plan.training):
        if more is not None:
            fingerprint = cards.joined_hash(more.fingerprint(), fingerprint)
    data = Data(sha256=fingerprint, total=counts.total, calibration=counts.calibration, judged=counts.judged)
    return Source(name=printable(name), sha256=plan.facts.sha256), data


def _measured(judgement: Judgement, plan: Plan) -> Measured:
    original = original_accuracy(plan, judgement.artefact.original)
    return Measured(
        samples=len(plan.judged),
        accuracy=judgement.accuracy.value if judgement.accuracy else None,
        float_accuracy=original.value if original else None,
        agreement=judgement.agreement.value if judgement.agreement else None,
    )
