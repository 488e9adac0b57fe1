"""The traced model made easier to quantize, where the recipe asks for it."""

from dataclasses import replace

from lepton_edge_converters.recipe import Recipe
from lepton_edge_converters.tracing import Tracing


def improve(tracing: Tracing) -> Tracing:
    """Return the traced model with what the recipe's ``equalize`` and ``correct_bias`` do to it.

    The one that float files are made of, for comparison, stays as it is.
    """
    plan, job = tracing.plan, tracing.job
    if plan.calibration is None or not wanted(job.recipe):
        return tracing
    job.progress("preparing the graph", 0, 1)
    improved = job.folder / "improved"
    changes = job.call(
        "passes.improve:improve",
        tracing.shipped,
        plan.calibration,
        improved,
        job.recipe.equalize,
        job.recipe.correct_bias and job.recipe.scheme == "int8",
    )
    return replace(tracing, shipped=improved, plan=replace(plan, changes=changes))


def wanted(recipe: Recipe) -> bool:
    """Tell whether a recipe asks for any of it."""
    return recipe.equalize or recipe.correct_bias
