"""The pruned model in place of the one that was opened, where the recipe asks for it."""

from dataclasses import replace

from lepton_edge_converters.errors import SamplesError
from lepton_edge_converters.load.opened import OpenedModel, open_for_conversion
from lepton_edge_converters.preparation import Job, Plan
from lepton_edge_converters.report.pruned import Pruned
from lepton_edge_converters.stages.run import run_stage
from lepton_edge_runtime.machine import read_processor, usable_cores


def prune_first(opened: OpenedModel, plan: Plan, job: Job) -> tuple[OpenedModel, Plan]:
    """Return the model as the recipe's ``prune`` leaves it, and the plan with what was removed.

    Everything after goes on from the new model; what it is judged by, the original's answers, is in the plan and stays.

    Raises:
        LoadError: It is no Keras 3 model.
        PruneError: The bounds cannot be had, or the model cannot be taken apart.
        TrainingError: Training failed.
    """
    pruning, training = job.recipe.prune, job.recipe.training
    if pruning is None:
        return opened, plan
    if plan.training is None:
        raise SamplesError("pruning trains the model on samples: say where they are (--data)")
    source = opened.file(job.folder)
    cache = job.cache if source.cached else None
    out = job.folder / "pruned.keras"
    # As text: a path would stand for what is in the folder, which is more after each run.
    times = None if cache is None else str(cache.folder.parent / "latency")
    given = source.path, source.options, plan.training, pruning, training, times, None, out
    where, told = (job.worker, cache), job.progress
    machine = (read_processor().name, usable_cores())  # where times decide, what it is that was timed
    pruned = run_stage(*where, "pruning.jobs:prune_file", *given, gives=Pruned, makes=out, also=machine, progress=told)
    changed = open_for_conversion(out, job.worker, replace(source.options, signature=""), {}, cache)
    size = next((one.size for one in plan.preprocess if one is not None), None)
    facts = changed.describe(size, [tuple(int(n or 1) for n in end.shape) for end in plan.facts.inputs])
    kept = plan.facts
    facts = replace(facts, sha256=kept.sha256, name=kept.name, labels=kept.labels, notes=kept.notes)
    return changed, replace(plan, facts=facts, pruned=pruned)
