"""The traced model made easier to quantize, where the recipe asks for it."""

from dataclasses import replace

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
    improved = job.folder / "improved"
    asked = tracing.traced, plan.calibration, improved, equalize, correct
    changes = job.stage("passes.improve:improve", *asked, gives=tuple[str, ...], makes=improved)
    return replace(tracing, shipped=improved, plan=replace(plan, changes=changes))
