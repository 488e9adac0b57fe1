"""The traced model made easier to quantize, or trained for it, where the recipe asks for it."""

from dataclasses import replace
from pathlib import Path

from lepton_edge_converters.qat.findings import Trained
from lepton_edge_converters.qat.settings import settings_for
from lepton_edge_converters.tracing import Tracing


def improve(tracing: Tracing) -> Tracing:
    """Return the traced model with what the recipe's ``equalize``, ``correct_bias`` and ``qat`` do to it.

    The one that float files are made of, for comparison, stays as it is.
    """
    plan, job = tracing.plan, tracing.job
    equalize, correct = job.recipe.equalize, job.recipe.correct_bias
    if correct and job.recipe.scheme != "int8":
        note = f"biases are as they were: what {job.recipe.scheme} rounds is not known before it runs"
        plan, correct = replace(plan, warnings=(*plan.warnings, note)), False
    if plan.calibration is None or not (equalize or correct or job.recipe.qat):
        return replace(tracing, plan=plan)
    if job.recipe.qat:
        # Biases are trained, by a teacher whose answers a correction would have changed.
        improved, changes = _improved(tracing, "improved", "") if equalize else (tracing.traced, ())
        changed = improved if equalize else plan.changed
        return _trained(replace(tracing, shipped=improved, plan=replace(plan, changes=changes, changed=changed)))
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


def _trained(tracing: Tracing) -> Tracing:
    """Return the traced model, its numbers trained for 8 bits."""
    plan, job = tracing.plan, tracing.job
    assert plan.calibration is not None  # noqa: S101 - the caller looked
    out, recipe = job.folder / "trained", job.recipe
    lessons = plan.training or plan.calibration
    training = settings_for(len(lessons), seed=recipe.seed)
    asked = tracing.shipped, plan.facts, plan.calibration, lessons, recipe.ranges, recipe.float_layers, training, out
    trained = job.stage("qat.train:train", *asked, gives=Trained, makes=out)
    return replace(tracing, shipped=out, plan=replace(plan, changes=(*plan.changes, str(trained))))
