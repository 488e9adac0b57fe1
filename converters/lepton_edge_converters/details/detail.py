"""A report with all that its page shows."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lepton_edge_converters import cards
from lepton_edge_converters.artefacts import Artefact
from lepton_edge_converters.details.disagreements import find_disagreements
from lepton_edge_converters.errors import ConversionError
from lepton_edge_converters.gates.judge import Judgement
from lepton_edge_converters.preparation import Job, Plan
from lepton_edge_converters.report import Report
from lepton_edge_converters.report.attention import Attention
from lepton_edge_converters.report.layers import LayerErrors
from lepton_edge_runtime.explanation.questions import TASKS_WITH_A_SCORE
from lepton_edge_runtime.formats.tflite import read_tflite


def detailed(
    report: Report,
    plan: Plan,
    judgements: Sequence[Judgement],
    compared: Sequence[Artefact],
    job: Job,
    *,
    images: bool,
    explain: int = 0,
) -> Report:
    """Return the report with each layer's error, the samples answered otherwise, and where the files look.

    Args:
        report: All else that was measured.
        plan: Has the samples and the original's answers.
        judgements: Of the files that ship.
        compared: Float files to compare with.
        job: Where to work.
        images: Whether to take the pictures of those samples along.
        explain: In how many judged pictures to compare where the files look.
    """
    return replace(
        report,
        layers=_layers(plan, judgements, compared, job),
        disagreements=find_disagreements(plan, judgements, images=images),
        attention=_attention(plan, judgements, compared, job, explain, images=images) if explain else None,
    )


def _attention(
    plan: Plan, judgements: Sequence[Judgement], compared: Sequence[Artefact], job: Job, count: int, *, images: bool
) -> Attention:
    """Return where the first file that ships and the float file of its engine look, or why that is not known."""
    converted = judgements[0].artefact
    reference = next((one for one in compared if one.backend == converted.backend), None)
    title = reference.title if reference else "none"
    why = ""
    if reference is None:
        why = f"{converted.title} has no float file beside it to be compared with"
    elif plan.draft.task not in TASKS_WITH_A_SCORE:
        why = f"the task {plan.draft.task!r} has no score to explain; {', '.join(TASKS_WITH_A_SCORE)} have one"
    elif len(plan.judged.preprocess) != 1 or plan.judged.preprocess[0] is None:
        why = "the samples are no pictures of one input"
    elif plan.facts.inputs[0].clip is not None:
        why = "the samples are clips, and it is places of single pictures that are compared"
    if reference is None or why:
        return Attention(converted.title, title, 0, None, (), note=why)
    spread = np.unique(np.linspace(0, len(plan.judged) - 1, min(count, len(plan.judged))).astype(int))
    asked = reference, converted, plan.judged, [int(one) for one in spread], images
    try:
        return job.stage("details.attention:compare_attention", *asked, gives=Attention)
    except ConversionError as failed:
        # As of the layers: what cannot be shown is no reason to refuse.
        return Attention(converted.title, title, 0, None, (), note=str(failed))


def _layers(plan: Plan, judgements: Sequence[Judgement], compared: Sequence[Artefact], job: Job) -> LayerErrors | None:
    """Return the layers of the TFLite file that ships; ``None`` if there is none, or no float one beside it."""
    converted = next((one.artefact for one in judgements if one.artefact.backend == "tflite"), None)
    reference = next((one for one in compared if one.backend == "tflite"), None)
    if converted is None or reference is None:
        return None
    try:
        reference = reference if plan.changed is None else _changed_alike(reference, plan.changed, plan, job)
        asked = reference, converted, plan.judged, plan.facts
        errors = job.stage("details.layers:compare_layers", *asked, gives=LayerErrors)
    except ConversionError as failed:
        # The files themselves were run and judged: what cannot be drawn is no reason to refuse them.
        return LayerErrors(converted.title, reference.title, 0, 0, (), note=str(failed))
    return errors


def _changed_alike(reference: Artefact, changed: Path, plan: Plan, job: Job) -> Artefact:
    """Return the float file of a graph that passes have changed: its layers are those of the converted one."""
    path = job.folder / "changed.tflite"
    asked = changed, plan.facts, "float32", None, path
    job.stage("exporters.tflite:export_tflite", *asked, gives=type(None), makes=path)
    card = cards.finish(plan.draft, read_tflite(path.read_bytes()), job.recipe.batch)
    return replace(reference, title=f"{reference.title} changed alike", path=path, card=card)
