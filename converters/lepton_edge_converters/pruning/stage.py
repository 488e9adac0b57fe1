"""The pruned model in place of the one that was opened, where the recipe asks for it."""

from dataclasses import replace

from lepton_edge_converters.errors import SamplesError
from lepton_edge_converters.load.opened import ModelHere, OpenedModel, open_for_conversion, opened_here
from lepton_edge_converters.preparation import Job, Plan
from lepton_edge_converters.report.pruned import Pruned
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.shrinking import Pruning
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
    pruning, samples = job.recipe.prune, plan.training
    if pruning is None:
        return opened, plan
    if samples is None:
        raise SamplesError("pruning trains the model on samples: say where they are (--data)")
    if isinstance(opened, ModelHere) and opened.own:
        changed, pruned = _pruned_here(opened, samples, pruning, job)
    else:
        changed, pruned = _pruned_in_worker(opened, samples, pruning, job)
    size = next((one.size for one in plan.preprocess if one is not None), None)
    facts = changed.describe(size, [tuple(int(n or 1) for n in end.shape) for end in plan.facts.inputs])
    kept = plan.facts
    # A pruned model is what follows a TextVectorization: what goes in is as it was.
    facts = replace(facts, sha256=kept.sha256, name=kept.name, inputs=kept.inputs, labels=kept.labels, notes=kept.notes)
    return changed, replace(plan, facts=facts, pruned=pruned)


def _pruned_here(opened: ModelHere, samples: StoredSamples, pruning: Pruning, job: Job) -> tuple[OpenedModel, Pruned]:
    """Prune a model of code that may be found in this process only."""
    import keras  # noqa: PLC0415 - whoever made the model has it

    from lepton_edge_converters.pruning.rounds import prune_channels  # noqa: PLC0415 - imports TensorFlow

    with keras.saving.custom_object_scope(opened.own):
        model, pruned = prune_channels(opened.keras, samples, pruning, job.recipe.training, progress=job.progress)
    return opened_here(model, opened.own), pruned


def _pruned_in_worker(
    opened: OpenedModel, samples: StoredSamples, pruning: Pruning, job: Job
) -> tuple[OpenedModel, Pruned]:
    source = opened.file(job.folder)
    cache = job.cache if source.cached else None
    out = job.folder / "pruned.keras"
    # As text: a path would stand for what is in the folder, which is more after each run.
    times = None if cache is None else str(cache.folder.parent / "latency")
    given = source.path, source.options, samples, pruning, job.recipe.training, times, None, out
    where, told = (job.worker, cache), job.progress
    machine = (read_processor().name, usable_cores())  # where times decide, what it is that was timed
    pruned = run_stage(*where, "pruning.jobs:prune_file", *given, gives=Pruned, makes=out, also=machine, progress=told)
    return open_for_conversion(out, job.worker, replace(source.options, signature=""), {}, cache), pruned
