"""A report with all that its page shows."""

from collections.abc import Sequence
from dataclasses import replace

from lepton_edge_converters.artefacts import Artefact
from lepton_edge_converters.details.disagreements import find_disagreements
from lepton_edge_converters.errors import ConversionError
from lepton_edge_converters.gates.judge import Judgement
from lepton_edge_converters.preparation import Job, Plan
from lepton_edge_converters.report import Report
from lepton_edge_converters.report.layers import LayerErrors


def detailed(
    report: Report, plan: Plan, judgements: Sequence[Judgement], compared: Sequence[Artefact], job: Job, *, images: bool
) -> Report:
    """Return the report with each layer's error and the samples answered otherwise.

    Args:
        report: All else that was measured.
        plan: Has the samples and the original's answers.
        judgements: Of the files that ship.
        compared: Float files to compare with.
        job: Where to work.
        images: Whether to take the pictures of those samples along.
    """
    return replace(
        report,
        layers=_layers(plan, judgements, compared, job),
        disagreements=find_disagreements(plan, judgements, images=images),
    )


def _layers(plan: Plan, judgements: Sequence[Judgement], compared: Sequence[Artefact], job: Job) -> LayerErrors | None:
    """Return the layers of the TFLite file that ships; ``None`` if there is none, or no float one beside it."""
    converted = next((one.artefact for one in judgements if one.artefact.backend == "tflite"), None)
    reference = next((one for one in compared if one.backend == "tflite"), None)
    if converted is None or reference is None:
        return None
    try:
        asked = reference, converted, plan.judged, plan.facts
        errors = job.stage("details.layers:compare_layers", *asked, gives=LayerErrors)
    except ConversionError as failed:
        # The files themselves were run and judged: what cannot be drawn is no reason to refuse them.
        return LayerErrors(converted.title, reference.title, 0, 0, (), note=str(failed))
    return errors
