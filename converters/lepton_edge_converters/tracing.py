"""The model as a graph, its loops written out or left alone, as the scheme can bear."""

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from lepton_edge_converters.errors import LoadError
from lepton_edge_converters.facts import ModelFacts
from lepton_edge_converters.load.opened import OpenedModel
from lepton_edge_converters.preparation import Job, Plan
from lepton_edge_converters.recipe import CALIBRATED

# Written out, each step is a dozen operators; past this a file is slow to convert, to load and to run.
_UNROLLED_STEPS_MAX = 128


@dataclass(frozen=True, slots=True)
class Tracing:
    """A traced model, and what became of the job on the way.

    Attributes:
        traced: The SavedModel as it was traced for the shipped files: its loops are written out if need be.
        shipped: The one that they are made of: the same, or with what passes did to it.
        compared: The one that float files are made of, for comparison: its loops are loops.
        job: With the scheme that can be carried out.
        plan: With a sentence more where that is another than was asked for.
    """

    traced: Path
    shipped: Path
    compared: Path
    job: Job
    plan: Plan


def trace(opened: OpenedModel, plan: Plan, job: Job) -> Tracing:
    """Return the traced model, ready for the job's scheme.

    TensorFlow's converter dies of a loop in 8 bits. A short one is written out step by step; a long one, or one
    whose length is not fixed, keeps float activations (``dynamic``), and the report says so.

    Raises:
        LoadError: It has loops, and its batch shall be free; or it shall end in logits, and has none.
    """
    job.progress("tracing the model", 0, 1)
    rolled, batch, left_out = job.folder / "traced", job.recipe.batch, plan.draft.left_out
    loops = opened.trace(plan.facts, rolled, batch=batch, left_out=left_out)
    if loops and batch == "dynamic":
        raise LoadError(
            "the model has loops (LSTM, GRU), which TFLite runs for batches of 1 only; convert it for those (--batch 1)"
        )
    if not loops or job.recipe.scheme not in CALIBRATED:
        return Tracing(rolled, rolled, rolled, job, plan)
    steps = _steps(plan.facts)
    if steps <= _UNROLLED_STEPS_MAX:
        unrolled = job.folder / "unrolled"
        if not opened.trace(plan.facts, unrolled, unroll=True, left_out=left_out):
            note = f"the model's loops are written out, {steps} steps each: a loop has no 8-bit form in TFLite"
            return Tracing(unrolled, unrolled, rolled, job, _noted(plan, note))
    note = (
        f"{job.recipe.scheme} was asked for, and the model has loops, which have no 8-bit form in TFLite"
        f"{f' and are too long to be written out ({steps} steps)' if steps > _UNROLLED_STEPS_MAX else ''}: "
        "weights are stored in 8 bits, and computed with in float (scheme 'dynamic')"
    )
    recipe = msgspec.structs.replace(job.recipe, scheme="dynamic", io="float32", ranges="minmax", float_layers=())
    return Tracing(rolled, rolled, rolled, replace(job, recipe=recipe), _noted(plan, note))


def _steps(facts: ModelFacts) -> int:
    """Return the length of the longest sequence that goes in: the first axis of what is no picture."""
    return max((end.shape[0] or 0 for end in facts.inputs if end.shape), default=0)


def _noted(plan: Plan, note: str) -> Plan:
    return replace(plan, warnings=(*plan.warnings, note))
