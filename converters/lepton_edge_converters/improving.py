"""The traced model made easier to quantize, or trained for it, where the recipe asks for it."""

from dataclasses import replace

import msgspec

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
        balanced = replace(job, recipe=msgspec.structs.replace(job.recipe, correct_bias=False, qat=False))
        return _trained(replace(improve(replace(tracing, job=balanced)), job=job))
    improved = job.folder / "improved"
    asked = tracing.traced, plan.calibration, improved, equalize, correct
    changes = job.stage("passes.improve:improve", *asked, gives=tuple[str, ...], makes=improved)
    return replace(tracing, shipped=improved, plan=replace(plan, changes=changes))


def _trained(tracing: Tracing) -> Tracing:
    """Return the traced model, its numbers trained for 8 bits."""
    plan, job = tracing.plan, tracing.job
    assert plan.calibration is not None  # noqa: S101 - the caller looked
    out, recipe = job.folder / "trained", job.recipe
    training = settings_for(len(plan.calibration), seed=recipe.seed)
    asked = tracing.shipped, plan.facts, plan.calibration, recipe.ranges, recipe.float_layers, training, out
    trained = job.stage("qat.train:train", *asked, gives=Trained, makes=out)
    return replace(tracing, shipped=out, plan=replace(plan, changes=(*plan.changes, str(trained))))
