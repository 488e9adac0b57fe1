"""One attempt: a traced model as files, judged, timed, and what the gates say of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from numpy.typing import NDArray

from lepton_edge_converters import cards
from lepton_edge_converters.artefacts import Artefact, Batched
from lepton_edge_converters.gates.judge import BATCH, Judgement, judge
from lepton_edge_converters.improving import improve
from lepton_edge_converters.preparation import Job, Plan
from lepton_edge_converters.quantize.findings import Int8Export
from lepton_edge_converters.recipe import Scheme
from lepton_edge_converters.report import Report
from lepton_edge_converters.summary import summarize
from lepton_edge_converters.tracing import Tracing
from lepton_edge_runtime.card import encode_card
from lepton_edge_runtime.formats.tflite import read_tflite
from lepton_edge_runtime.machine import read_processor, usable_cores
from lepton_edge_runtime.timing import NOISY, Latency

_TIMING_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of converting as one recipe says.

    Attributes:
        plan: What is known, with what was done to the graph.
        job: With the recipe.
        judgements: Of the files that would ship.
        compared: Float files to compare with.
        report: Everything measured, and what the gates found.
    """

    plan: Plan
    job: Job
    judgements: list[Judgement]
    compared: list[Artefact]
    report: Report


def try_out(tracing: Tracing, output: Path) -> Attempt:
    """Return what comes of a traced model as its job's recipe says; nothing is written but in the job's folder."""
    tracing = improve(tracing)
    plan, job = tracing.plan, tracing.job
    shipped, compared, throughout = _export(tracing), _compared(tracing), _throughout(tracing)
    judgements, plain = ([_judged(one, plan, job) for one in made] for made in (shipped, throughout))
    latencies = _time([*shipped, *compared, *throughout], plan, job)
    report = summarize(plan, judgements, compared, plain, latencies, output, job)
    return Attempt(plan, job, judgements, compared, report)


def _time(artefacts: list[Artefact], plan: Plan, job: Job) -> dict[str, Latency]:
    """Return the latency of each artefact, which holds for this machine; a disturbed one is not kept."""
    machine = read_processor().name, usable_cores()
    arguments = artefacts, plan.judged, _TIMING_SECONDS
    return job.stage("artefacts:time_artefacts", *arguments, gives=dict[str, Latency], also=machine, keeps=_quiet)


def _quiet(latencies: Mapping[str, Latency]) -> bool:
    return all(one.spread <= NOISY for one in latencies.values())


def _judged(artefact: Artefact, plan: Plan, job: Job) -> Judgement:
    answers = job.stage("artefacts:answer_samples", artefact, plan.judged, gives=list[NDArray[Any]])
    batched = None
    if job.recipe.batch == "dynamic":
        batched = job.stage("artefacts:answer_batch", artefact, plan.judged, BATCH, gives=Batched)
    return judge(artefact, answers, plan.reference, plan.judged.targets, batched, plan.metric)


def _export(tracing: Tracing) -> list[Artefact]:
    """Return the files to ship."""
    job = tracing.job
    return [one for one in _export_both(tracing, job.recipe.scheme, job) if one.backend in job.recipe.formats]


def _compared(tracing: Tracing) -> list[Artefact]:
    """Return the float files to compare with."""
    if tracing.job.recipe.scheme == "float32":
        return []
    return [replace(one, shipped=False) for one in _export_both(tracing, "float32", tracing.job)]


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
        job.stage("exporters.tflite:export_tflite", traced, plan.facts, scheme, path, gives=type(None), makes=path)
    card = cards.finish(plan.draft, read_tflite(path.read_bytes()), recipe.batch)
    job.stage("exporters.embed:embed_card_in_file", path, encode_card(card), gives=type(None), makes=path)
    return Artefact(f"TFLite {scheme}", "tflite", path, card, made.route, in_float=made.in_float)


def _export_onnx(plan: Plan, scheme: Scheme, canonical: Artefact, traced: Path, job: Job) -> Artefact:
    path = job.folder / f"{scheme}.onnx"
    # A float file for comparison is the same whatever calibrates the other one: it is made once.
    settings = (None, ()) if scheme == "float32" else (plan.calibration, job.recipe.float_layers)
    asked = canonical.path, traced, plan.facts, scheme, *settings, path
    route = job.stage("exporters.onnx:export_onnx", *asked, gives=str, makes=path)
    job.stage("exporters.embed:embed_card_in_file", path, encode_card(canonical.card), gives=type(None), makes=path)
    return Artefact(f"ONNX {scheme}", "onnx", path, canonical.card, route)
