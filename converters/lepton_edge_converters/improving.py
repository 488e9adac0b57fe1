"""The traced model made easier to quantize, where the recipe asks for it."""

from dataclasses import replace
from pathlib import Path

from lepton_edge_converters.tracing import Tracing


def improve(tracing: Tracing) -> Tracing:
    """Return the traced model with what the recipe's ``equalize`` and ``correct_bias`` do to it.

    The one that float files are made of, for comparison, stays as it is.
    """
    plan, job = tracing.plan, tracing.job
    equalize, correct = job.recipe.equalize, job.recipe.correct_bias
    if correct and job.recipe.scheme != "int8":
        note = f"biases are as they were: what {job.recipe.scheme} rounds is not known before it runs"
        plan, correct = replace(plan, warnings=(*plan.warnings, note)), False
    if plan.calibration is None or not (equalize or correct):
        return replace(tracing, plan=plan)
    changed, changes = _improved(tracing, "improved", "")
    improved = changed
    if correct:
        improved, changes = _improved(tracing, "corrected", _estimator(tracing, changed))
    return replace(tracing, shipped=improved, plan=replace(plan, changes=changes, changed=changed))


def _estimator(tracing: Tracing, uncorrected: Path) -> str:
    """Return whose ranges the activations will have; the best ones are known once the other passes are done."""
    job = tracing.job
    if job.recipe.ranges != "best":
        return job.recipe.ranges
    asked = uncorrected, tracing.plan.calibration
    return job.stage("quantize.export:find_best_ranges", *asked, gives=str)


def _improved(tracing: Tracing, name: str, estimator: str) -> tuple[Path, tuple[str, ...]]:
    """Return the model improved, in the job's folder, and what was changed."""
    plan, job = tracing.plan, tracing.job
    improved = job.folder / name
    asked = tracing.traced, plan.facts, plan.calibration, improved, job.recipe.equalize, estimator
    return improved, job.stage("passes.improve:improve", *asked, gives=tuple[str, ...], makes=improved)
