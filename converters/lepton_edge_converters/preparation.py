"""What must be known before anything is exported: the model, the samples, the model's own answers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters import cards
from lepton_edge_converters.clips import with_clips
from lepton_edge_converters.errors import LoadError, RecipeError, SamplesError
from lepton_edge_converters.facts import ModelFacts
from lepton_edge_converters.lint import lint
from lepton_edge_converters.load.opened import OpenedModel
from lepton_edge_converters.metrics import Metric
from lepton_edge_converters.metrics.choice import check_metric, choose_metric
from lepton_edge_converters.recipe import CALIBRATED, Recipe
from lepton_edge_converters.report import SampleCounts
from lepton_edge_converters.report.pruned import Pruned
from lepton_edge_converters.report.sparse import SparseWeights
from lepton_edge_converters.said import Said
from lepton_edge_converters.samples import SampleSet, StoredSamples, store
from lepton_edge_converters.samples.lint import NO_SAMPLES, Finding
from lepton_edge_converters.samples.read import Found, Gathered, open_samples, peek_shapes, read_samples
from lepton_edge_converters.samples.synthetic import SyntheticSamples
from lepton_edge_converters.split import split
from lepton_edge_converters.stages.cache import StageCache
from lepton_edge_converters.stages.run import run_stage
from lepton_edge_converters.texts import prove_texts, with_vocabulary
from lepton_edge_converters.worker import Progress, Worker
from lepton_edge_runtime.errors import MissingExtraError
from lepton_edge_runtime.preprocess import Preprocess

T = TypeVar("T")

_SYNTHETIC_SAMPLES = 32
_NEEDED = {"tensorflow": "TensorFlow", "jinja2": "Jinja2, for the report's page"}


@dataclass(frozen=True, slots=True)
class Job:
    """Where a conversion works, and with what; without ``cache`` every stage is carried out."""

    folder: Path
    worker: Worker
    recipe: Recipe
    progress: Progress
    cache: StageCache | None = None

    def call(self, job: str, *arguments: Any) -> Any:
        """Run ``module:function`` of this package in the worker."""
        return self.worker.call(f"lepton_edge_converters.{job}", *arguments, progress=self.progress)

    def stage(
        self,
        job: str,
        *arguments: Any,
        gives: type[T],
        makes: Path | None = None,
        also: tuple[Any, ...] = (),
        keeps: Callable[[T], bool] | None = None,
    ) -> T:
        """Run a job like ``call``, or take what it gave before; ``run_stage`` says what the arguments are."""
        where, told = (self.worker, self.cache), self.progress
        return run_stage(*where, job, *arguments, gives=gives, makes=makes, also=also, keeps=keeps, progress=told)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known before anything is exported.

    Attributes:
        facts: Of the model.
        preprocess: One an input, completed; ``None`` where it takes no pictures.
        draft: The card without the tensors' types, which only the finished file tells.
        calibration: Samples that calibrate; ``None`` for schemes that need none.
        training: Those to train with, or all that do not judge; ``None`` where nothing is trained.
        judged: Samples that judge.
        counts: Of both, for people.
        reference: The original's answers to ``judged``, real numbers.
        warnings: What was assumed.
        changes: What was done to the graph before it was quantized, one sentence each.
        changed: The graph after that, its biases not yet corrected: what the layers are compared with.
        lint: What is odd about the samples.
        metric: What outputs other than classes are compared by, or what the user asked for.
        sparse: What became of the weights, where they were made sparse.
        pruned: What became of the channels, where some were removed.
    """

    facts: ModelFacts
    preprocess: tuple[Preprocess | None, ...]
    draft: cards.Draft
    calibration: StoredSamples | None
    judged: StoredSamples
    counts: SampleCounts
    reference: list[NDArray[Any]]
    warnings: tuple[str, ...]
    changes: tuple[str, ...] = ()
    changed: Path | None = None
    lint: tuple[Finding, ...] = ()
    metric: Metric | None = None
    training: StoredSamples | None = None
    sparse: SparseWeights | None = None
    pruned: Pruned | None = None


def prepare(
    opened: OpenedModel,
    data: Any,
    said: Said,
    job: Job,
    train_data: Any = None,
) -> Plan:
    """Describe the model, choose samples, and ask the model itself for its answers."""
    recipe, preprocess = job.recipe, said.preprocess
    check_metric(recipe.metric)
    _refuse_without_samples(recipe, given=data is not None)
    if train_data is not None and not recipe.may_train:
        raise RecipeError(
            "samples to train with were given, and the recipe trains nothing: it neither prunes, nor makes weights "
            "sparse, nor trains for 8 bits, nor repairs"
        )
    data = list(data) if hasattr(data, "__next__") else data  # a generator is read once
    facts, assumed_text = _described(opened, data, said)
    if recipe.batch == "dynamic" and facts.batch is not None:
        raise LoadError(
            f"the model is built for batches of {facts.batch}, so its batch cannot be dynamic; build it with a batch "
            "size of None, or convert it for batches of 1 (--batch 1)"
        )
    opened_samples = None if data is None else open_samples(data, facts.inputs)
    extremes = opened_samples.extremes() if isinstance(opened_samples, Gathered) else []
    facts, assumed_clips = with_clips(facts, said.clip, extremes)
    completed, assumed = cards.complete_preprocess(facts, preprocess, extremes)
    warnings = [*facts.notes, *assumed_text, *assumed_clips, *assumed]
    labels = said.labels or facts.labels
    classes = cards.class_count(facts, labels, said.task, said.head)
    calibrating: NDArray[np.int64] | None
    training = None
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
        calibrating, judging = (parts.calibration if recipe.calibrates else None), parts.judged
    warnings += prove_texts(opened, facts, samples, recipe.seed)
    judged = store(samples, judging, completed, job.folder, "judged", job.progress)
    calibration = None
    if calibrating is not None:
        calibration = store(samples, calibrating, completed, job.folder, "calibration", job.progress)
    if recipe.trains or train_data is not None:
        given = (
            samples
            if train_data is None
            else _read_all(open_samples(train_data, facts.inputs), facts, completed, labels or samples.labels, said)
        )
        others = np.arange(given.count) if given is not samples else np.setdiff1d(np.arange(given.count), judging)
        training = store(given, others, completed, job.folder, "training", job.progress)
    reference = opened.predict(facts, judged, job.progress)
    drafted = cards.draft(facts, completed, labels or samples.labels, reference, said, classes, samples.targets)
    draft, told = cards.at_logits(facts, *drafted) if recipe.logits else drafted
    if draft.task != "classify":
        judged = replace(judged, targets=None)
        training = training and replace(training, targets=None)
    metric = choose_metric(recipe.metric, draft.task, _truths(opened_samples, samples, judging), draft.head)
    _refuse_unjudgeable(recipe, draft.task, metric, labelled=judged.targets is not None)
    counts = SampleCounts(
        samples.origin,
        samples.count,
        len(calibration) if calibration else 0,
        len(judged),
        judged.targets is not None,
    )
    findings: tuple[Finding, ...] = (NO_SAMPLES,)
    if opened_samples is not None:

        def ask(others: StoredSamples) -> list[NDArray[Any]]:
            return opened.predict(facts, others, lambda _, done, of: job.progress("other preparations", done, of))

        findings = lint(calibration, judged, completed, reference, draft.scores(facts), ask)
    return Plan(
        facts,
        completed,
        draft,
        calibration,
        judged,
        counts,
        reference,
        (*warnings, *told),
        lint=findings,
        metric=metric,
        training=training,
    )


def _refuse_without_samples(recipe: Recipe, *, given: bool) -> None:
    """Refuse what cannot be done without samples, where there are none."""
    if given:
        return
    if recipe.calibrates and not recipe.fastest:
        what = recipe.scheme if recipe.scheme in CALIBRATED else "equalize"
        raise SamplesError(
            f"{what} needs samples to calibrate with: say where they are (--data), "
            "or convert without (--recipe float32)"
        )
    if recipe.trains:
        trained = "sparsity" if recipe.sparsity is not None else "pruning" if recipe.prune is not None else "qat"
        raise SamplesError(f"{trained} trains the model on samples: say where they are (--data)")


def _read_all(
    found: Found,
    facts: ModelFacts,
    preprocess: tuple[Preprocess | None, ...],
    labels: tuple[str, ...],
    said: Said,
) -> SampleSet:
    """Return whatever the user calls samples, prepared for the model."""
    classes = cards.class_count(facts, labels, said.task, said.head)
    return read_samples(found, facts.inputs, preprocess, labels, classes.count, certain=classes.certain)


def store_all(opened: OpenedModel, data: Any, said: Said, folder: Path, progress: Progress) -> StoredSamples:
    """Return all samples as the model takes them, in ``folder``.

    Args:
        opened: The model.
        data: Samples, whatever the user calls so.
        said: What the user says of the model.
        folder: Where they are stored.
        progress: Called as they are.

    Raises:
        SamplesError: They do not fit the model.
    """
    data = list(data) if hasattr(data, "__next__") else data  # a generator is read once
    facts, _ = _described(opened, data, said)
    found = open_samples(data, facts.inputs)
    extremes = found.extremes() if isinstance(found, Gathered) else []
    facts, _ = with_clips(facts, said.clip, extremes)
    completed, _ = cards.complete_preprocess(facts, said.preprocess, extremes)
    samples = _read_all(found, facts, completed, said.labels or facts.labels, said)
    return store(samples, np.arange(samples.count), completed, folder, "all", progress)


def _described(opened: OpenedModel, data: Any, said: Said) -> tuple[ModelFacts, list[str]]:
    """Return what is known of the model, open sizes fixed as was said or as samples show, and what is assumed."""
    size = said.preprocess.size if said.preprocess else None
    shapes = peek_shapes(data)
    if not shapes and said.clip is not None and said.clip.frames is not None:
        shapes = [(said.clip.frames, 0, 0, 0)]
    return with_vocabulary(opened.describe(size, shapes), said)


def _truths(opened: Any, samples: SampleSet, judging: NDArray[np.int64]) -> NDArray[Any] | None:
    """Return the judged samples' labels as the user gave them, for a metric of the user's own."""
    truths = opened.targets if isinstance(opened, Gathered) else samples.targets
    if truths is None:
        return None
    if len(truths) != samples.count:
        raise SamplesError(f"{samples.origin}: {len(truths)} labels for {samples.count} samples")
    return np.asarray(truths[judging])


def _refuse_unjudgeable(recipe: Recipe, task: str, metric: Metric | None, *, labelled: bool) -> None:
    """Refuse a bound on what cannot be measured."""
    gates = recipe.gates
    if gates.max_drop is not None and not labelled and not recipe.metric:
        raise SamplesError(
            f"a drop in accuracy (at most {gates.max_drop:g} points) can only be judged on labelled samples of "
            f"a classifier; these are without labels, and the task is {task!r}; name a metric to judge by (--metric)"
        )
    if gates.min_metric is not None and metric is None:
        raise SamplesError(
            f"no metric goes with the task {task!r}, so it cannot be at least {gates.min_metric:g}; name one (--metric)"
        )


def require_converter() -> None:
    """Raise MissingExtraError where a part of the ``convert`` extra is missing, before anything is read."""
    for package, what in _NEEDED.items():
        if find_spec(package) is None:
            raise MissingExtraError(f"the converter ({what})", extra="convert")


def silent(what: str, done: int, total: int) -> None:
    """Report nothing of how far a job is."""
