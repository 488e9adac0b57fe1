"""The files that one recipe makes of a traced model; how they answer, and how fast."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from numpy.typing import NDArray

from lepton_edge_converters import cards
from lepton_edge_converters.artefacts import Artefact, Batched
from lepton_edge_converters.gates.judge import BATCH, Judgement, judge
from lepton_edge_converters.preparation import Job, Plan
from lepton_edge_converters.quantize.findings import Int8Export
from lepton_edge_converters.recipe import Scheme
from lepton_edge_converters.speed import Timings
from lepton_edge_converters.tracing import Tracing
from lepton_edge_runtime.card import encode_card
from lepton_edge_runtime.formats.tflite import read_tflite
from lepton_edge_runtime.machine import read_processor, usable_cores
from lepton_edge_runtime.timing import NOISY

_TIMING_SECONDS_A_FILE = 0.5


@dataclass(frozen=True, slots=True)
class Made:
    """Files of a model, with the settings they were made by.

    Attributes:
        plan: With what was done to the graph, and a sentence more where something else was done than asked for.
        job: With the recipe that was carried out.
        artefacts: To ship.
        compared: Float ones, to compare with.
        throughout: What an int8 model with layers in float would be without them.
    """

    plan: Plan
    job: Job
    artefacts: list[Artefact]
    compared: list[Artefact]
    throughout: list[Artefact]

    @property
    def scheme(self) -> str:
        """How numbers are stored."""
        return self.job.recipe.scheme

    @property
    def size_bytes(self) -> int:
        """Of the files to ship."""
        return sum(artefact.path.stat().st_size for artefact in self.artefacts)


def make(tracing: Tracing, *, compared: list[Artefact] | None = None) -> Made:
    """Return the files that the job's recipe makes of a traced model.

    Args:
        tracing: With the job.
        compared: Float files to compare with, where there are some already; they are the same for every recipe.
    """
    job, scheme = tracing.job, tracing.job.recipe.scheme
    shipped = [one for one in _export_both(tracing, scheme, job) if one.backend in job.recipe.formats]
    if compared is None:
        floats = _export_both(tracing, "float32", job) if scheme != "float32" else []
        compared = [replace(one, shipped=False) for one in floats]
    return Made(tracing.plan, job, shipped, compared, _throughout(tracing))


def judge_files(artefacts: list[Artefact], plan: Plan, job: Job) -> list[Judgement]:
    """Return how files answer the samples that judge."""
    return [_judged(artefact, plan, job) for artefact in artefacts]


def time_files(artefacts: list[Artefact], plan: Plan, job: Job) -> Timings:
    """Return the times of files, run in turn, which hold for this machine; a disturbed measurement is not kept."""
    machine = read_processor().name, usable_cores()
    arguments = artefacts, plan.judged, _TIMING_SECONDS_A_FILE * len(artefacts)
    return job.stage("artefacts:time_artefacts", *arguments, gives=Timings, also=machine, keeps=_quiet)


def _quiet(timings: Timings) -> bool:
    names = {name for taken in timings.rounds for name in taken}
    return all(timings.latency(name).spread <= NOISY for name in names)


def _judged(artefact: Artefact, plan: Plan, job: Job) -> Judgement:
    answers = job.stage("artefacts:answer_samples", artefact, plan.judged, gives=list[NDArray[Any]])
    batched = None
    if job.recipe.batch == "dynamic":
        batched = job.stage("artefacts:answer_batch", artefact, plan.judged, BATCH, gives=Batched)
    return judge(artefact, answers, plan.reference, plan.judged.targets, batched, plan.metric)


def _throughout(tracing: Tracing) -> list[Artefact]:
    """Return what an int8 model with layers in float would be without them; nothing where there are none."""
    job = tracing.job
    if not job.recipe.float_layers:
        return []
    folder = job.folder / "throughout"
    folder.mkdir()
    recipe = msgspec.structs.replace(job.recipe, float_layers=())
    made = _export_both(tracing, "int8", replace(job, folder=folder, recipe=recipe))
    return [
        replace(one, title=f"{one.title} throughout", shipped=False) for one in made if one.backend in recipe.formats
    ]


def _export_both(tracing: Tracing, scheme: Scheme, job: Job) -> list[Artefact]:
    """Return the TFLite file of a scheme, and the ONNX file if the recipe wants one."""
    plan, traced = tracing.plan, tracing.compared if scheme == "float32" else tracing.shipped
    canonical = _export_tflite(plan, scheme, traced, job)
    onnx = [_export_onnx(plan, scheme, canonical, traced, job)] if "onnx" in job.recipe.formats else []
    return [canonical, *onnx]


def _export_tflite(plan: Plan, scheme: Scheme, traced: Path, job: Job) -> Artefact:
    job.progress(f"TFLite {scheme}", 0, 1)
    path, recipe = job.folder / f"{scheme}.tflite", job.recipe
    made = Int8Export("by TensorFlow's converter", ())
    if scheme == "int8":
        settings = recipe.ranges, recipe.float_layers, recipe.io
        asked = traced, plan.facts, plan.calibration, *settings, path
        made = job.stage("quantize.export:export_int8", *asked, gives=Int8Export, makes=path)
    else:
        # Only int16x8 looks at samples; the others are the same whatever calibrates.
        calibration = plan.calibration if scheme == "int16x8" else None
        given = traced, plan.facts, scheme, calibration, path
        job.stage("exporters.tflite:export_tflite", *given, gives=type(None), makes=path)
    card = cards.finish(plan.draft, read_tflite(path.read_bytes()), recipe.batch)
    job.stage("exporters.embed:embed_card_in_file", path, encode_card(card), gives=type(None), makes=path)
    left_out = plan.draft.left_out
    return Artefact(f"TFLite {scheme}", "tflite", path, card, made.route, in_float=made.in_float, left_out=left_out)


def _export_onnx(plan: Plan, scheme: Scheme, canonical: Artefact, traced: Path, job: Job) -> Artefact:
    path = job.folder / f"{scheme}.onnx"
    # A float file for comparison is the same whatever calibrates the other one: it is made once.
    settings = (None, ()) if scheme == "float32" else (plan.calibration, job.recipe.float_layers)
    asked = canonical.path, traced, plan.facts, scheme, *settings, path
    route = job.stage("exporters.onnx:export_onnx", *asked, gives=str, makes=path)
    job.stage("exporters.embed:embed_card_in_file", path, encode_card(canonical.card), gives=type(None), makes=path)
    return Artefact(f"ONNX {scheme}", "onnx", path, canonical.card, route, left_out=canonical.left_out)
