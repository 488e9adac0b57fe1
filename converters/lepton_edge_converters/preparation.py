"""What must be known before anything is exported: the model, the samples, the model's own answers."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters import cards
from lepton_edge_converters.errors import SamplesError
from lepton_edge_converters.facts import ModelFacts
from lepton_edge_converters.load.opened import OpenedModel
from lepton_edge_converters.recipe import CALIBRATED, Recipe
from lepton_edge_converters.report import SampleCounts
from lepton_edge_converters.samples import SampleSet, StoredSamples, SyntheticSamples, store
from lepton_edge_converters.samples.read import Gathered, open_samples, peek_shapes, read_samples
from lepton_edge_converters.split import split
from lepton_edge_converters.worker import Progress, Worker
from lepton_edge_runtime.preprocess import Preprocess

_SYNTHETIC_SAMPLES = 32


@dataclass(frozen=True, slots=True)
class Job:
    """Where a conversion works, and with what."""

    folder: Path
    worker: Worker
    recipe: Recipe
    progress: Progress

    def call(self, job: str, *arguments: Any) -> Any:
        """Run ``module:function`` of this package in the worker."""
        return self.worker.call(f"lepton_edge_converters.{job}", *arguments, progress=self.progress)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known before anything is exported.

    Attributes:
        facts: Of the model.
        preprocess: One an input, completed; ``None`` where it takes no pictures.
        draft: The card without the tensors' types, which only the finished file tells.
        calibration: Samples that calibrate; ``None`` for schemes that need none.
        judged: Samples that judge.
        counts: Of both, for people.
        reference: The original's answers to ``judged``, real numbers.
        warnings: What was assumed.
    """

    facts: ModelFacts
    preprocess: tuple[Preprocess | None, ...]
    draft: cards.Draft
    calibration: StoredSamples | None
    judged: StoredSamples
    counts: SampleCounts
    reference: list[NDArray[Any]]
    warnings: tuple[str, ...]


def prepare(
    opened: OpenedModel,
    data: Any,
    labels: tuple[str, ...],
    preprocess: Preprocess | None,
    task: str | None,
    job: Job,
) -> Plan:
    """Describe the model, choose samples, and ask the model itself for its answers."""
    recipe = job.recipe
    if data is None and recipe.scheme in CALIBRATED and not recipe.fastest:
        raise SamplesError(
            f"{recipe.scheme} needs samples to calibrate with: say where they are (--data), or convert without "
            "(--recipe float32)"
        )
    data = list(data) if hasattr(data, "__next__") else data  # a generator is read once
    size = preprocess.size if preprocess else None
    facts = opened.describe(size, peek_shapes(data))
    opened_samples = None if data is None else open_samples(data, facts.inputs)
    extremes = opened_samples.extremes() if isinstance(opened_samples, Gathered) else []
    completed, assumed = cards.complete_preprocess(facts, preprocess, extremes)
    warnings = [*facts.notes, *assumed]
    labels = labels or facts.labels
    classes = cards.class_count(facts, labels, task)
    calibrating: NDArray[np.int64] | None
    if opened_samples is None:
        samples: SampleSet = SyntheticSamples(facts.inputs, completed, count=_SYNTHETIC_SAMPLES, seed=recipe.seed)
        warnings.append("no samples were given: outputs were compared on synthetic ones, and accuracy was not judged")
        calibrating, judging = None, np.arange(samples.count)
    else:
        samples = read_samples(opened_samples, facts.inputs, completed, labels, classes.count, certain=classes.certain)
        parts = split(
            samples.count,
            samples.targets,
            holdout=recipe.holdout,
            calibration=recipe.calibration,
            seed=recipe.seed,
        )
        calibrates = recipe.scheme in CALIBRATED or recipe.fastest
        calibrating, judging = (parts.calibration if calibrates else None), parts.judged
    judged = store(samples, judging, completed, job.folder, "judged", job.progress)
    calibration = None
    if calibrating is not None:
        calibration = store(samples, calibrating, completed, job.folder, "calibration", job.progress)
    reference = opened.predict(facts, judged, job.progress)
    draft, more = cards.draft(facts, completed, labels or samples.labels, reference, task, classes, samples.targets)
    if draft.task != "classify":
        judged = replace(judged, targets=None)
    if recipe.gates.max_drop is not None and judged.targets is None:
        raise SamplesError(
            f"a drop in accuracy (at most {recipe.gates.max_drop:g} points) can only be judged on labelled samples of "
            f"a classifier; these are without labels, and the task is {draft.task!r}"
        )
    counts = SampleCounts(
        samples.origin,
        samples.count,
        len(calibration) if calibration else 0,
        len(judged),
        judged.targets is not None,
    )
    return Plan(facts, completed, draft, calibration, judged, counts, reference, (*warnings, *more))
