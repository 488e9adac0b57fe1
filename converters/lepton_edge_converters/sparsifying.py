"""The model with sparse weights in place of the one that was opened, where the recipe asks for it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lepton_edge_converters.artefacts import Artefact
from lepton_edge_converters.errors import SamplesError
from lepton_edge_converters.load.loaded import LoadOptions
from lepton_edge_converters.load.opened import OpenedModel, open_for_conversion
from lepton_edge_converters.preparation import Job, Plan
from lepton_edge_converters.report import Report
from lepton_edge_converters.report.sparse import SparseLayer, SparseWeights
from lepton_edge_converters.sparsity.files import FileWeights
from lepton_edge_converters.sparsity.lessons import Loss
from lepton_edge_converters.stages.run import run_stage
from lepton_edge_converters.thinning import Sparsity

_ZEROS_LOST = 0.01  # constants that are no layer's weights, such as a mean that is taken off, are counted in files too


def sparsify(opened: OpenedModel, plan: Plan, job: Job) -> tuple[OpenedModel, Plan]:
    """Return the model as the recipe's ``sparsity`` makes it, and the plan with what became of its weights.

    Everything after goes on from the new model; what it is judged by, the original's answers, is in the plan and stays.

    Raises:
        LoadError: It has layers that tf_keras, where weights are made sparse, does not compute alike.
        SamplesError: It shall learn labels, and there are none.
    """
    settings = job.recipe.sparsity
    if settings is None or plan.training is None:
        return opened, plan
    kinds = _lessons(plan, settings)
    source = opened.file(job.folder)
    cache = job.cache if source.cached else None
    carried, weights, sparse = (job.folder / name for name in ("carried", "sparse.npz", "sparse.keras"))
    asked = source.path, source.options, carried
    run_stage(job.worker, cache, "sparsity.carry:write_carried", *asked, gives=type(None), makes=carried)
    answers = _answers(opened, plan, job)
    targets = plan.training.targets if settings.learn == "labels" else None
    given = carried, settings, plan.training, answers, targets, kinds, job.recipe.seed, weights
    with job.worker.another() as trainer:  # tensorflow-model-optimization turns Keras 3 off in its process
        told = trainer, cache, "sparsity.training:train_sparse"
        layers = run_stage(*told, *given, gives=tuple[SparseLayer, ...], makes=weights, progress=job.progress)
    put = source.path, source.options, weights, sparse
    run_stage(job.worker, cache, "sparsity.carry:put_back", *put, gives=type(None), makes=sparse)
    changed = open_for_conversion(sparse, job.worker, LoadOptions(), {}, cache)
    return changed, replace(plan, sparse=SparseWeights(_in_words(settings), layers, _zeros(layers)))


def _answers(opened: OpenedModel, plan: Plan, job: Job) -> tuple[Path, ...]:
    """Return the original's answers to the training samples, one file an output: not all of them need fit in memory."""
    assert plan.training is not None  # noqa: S101 - whoever asks has seen that it is there
    found = opened.predict(plan.facts, plan.training, job.progress)
    paths = tuple(job.folder / f"taught_{i}.npy" for i in range(len(found)))
    for path, answers in zip(paths, found, strict=True):
        np.save(path, answers)
    return paths


def _lessons(plan: Plan, settings: Sparsity) -> tuple[Loss, ...]:
    """Return what each output is compared with while the model is trained."""
    by_answers: dict[str, Loss] = {"softmax": "distribution", "sigmoid": "shares"}
    if settings.learn == "answers":
        return tuple(by_answers.get(one, "numbers") for one in plan.draft.activations)
    if plan.training is None or plan.training.targets is None:
        raise SamplesError(
            f"a sparse model can only learn labels of a classifier's labelled samples; the task is "
            f"{plan.draft.task!r}; let it learn the original's answers ([sparsity] learn = 'answers')"
        )
    activation, single = plan.draft.activations[0], plan.facts.outputs[0].shape == (1,)
    if single and activation != "sigmoid":
        raise SamplesError(
            "one score without a sigmoid is no probability that labels could teach; let the model learn the "
            "original's answers ([sparsity] learn = 'answers')"
        )
    return ("yes or no" if single else "class" if activation in by_answers else "class scores",)


def _in_words(settings: Sparsity) -> str:
    parts = []
    if settings.blocks is not None:
        parts.append(f"{settings.blocks[0]} of each {settings.blocks[1]} weights in a row stay")
    elif settings.zeros is not None:
        parts.append(f"{float(settings.zeros):.0%} of each layer's weights zero")
    if settings.clusters is not None:
        parts.append(f"at most {settings.clusters} different weights a layer")
    return ", ".join(parts)


def _zeros(layers: tuple[SparseLayer, ...]) -> float:
    return sum(one.zeros * one.weights for one in layers) / max(1, sum(one.weights for one in layers))


def weighed(report: Report, plan: Plan, artefacts: Sequence[Artefact], job: Job) -> Report:
    """Return the report with what became of the weights, in the model and in each file, if they were made sparse."""
    if plan.sparse is None:
        return report
    found = {
        one.title: job.stage("sparsity.files:weigh", one.path, one.backend, gives=FileWeights) for one in artefacts
    }
    rows = tuple(
        replace(row, zeros=held.zeros, download_bytes=held.download_bytes) if (held := found.get(row.title)) else row
        for row in report.rows
    )
    lost = [
        f"{row.title} holds {row.zeros:.1%} zeros, and the sparse model {plan.sparse.zeros:.1%}: quantization lost some"
        for row in rows
        if row.shipped and row.zeros is not None and row.zeros < plan.sparse.zeros - _ZEROS_LOST
    ]
    return replace(report, rows=rows, sparse=plan.sparse, warnings=(*report.warnings, *lost))
