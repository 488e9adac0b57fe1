"""convert(): the whole story, top to bottom.

load → samples → export → judge → gates → bundle. Each stage is a plain function on values; what can kill
a process runs in the worker; nothing is written before every gate has passed.
"""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec

from lepton_edge_converters import cards
from lepton_edge_converters.artefacts import Artefact
from lepton_edge_converters.details.detail import detailed
from lepton_edge_converters.errors import GateRefusedError
from lepton_edge_converters.gates.judge import BATCH, Judgement, judge
from lepton_edge_converters.improving import improve
from lepton_edge_converters.load.loaded import LoadOptions
from lepton_edge_converters.load.opened import open_for_conversion
from lepton_edge_converters.packing import write
from lepton_edge_converters.preparation import Job, Plan, label_names, prepare, require_converter, silent
from lepton_edge_converters.recipe import Format, Io, Ranges, Recipe, Scheme, load_recipe
from lepton_edge_converters.report import Report
from lepton_edge_converters.report.files import write_refused, write_reports
from lepton_edge_converters.summary import summarize
from lepton_edge_converters.tracing import Tracing, trace
from lepton_edge_converters.worker import Progress, Worker
from lepton_edge_runtime.bundle import check_output
from lepton_edge_runtime.card import Batch, encode_card
from lepton_edge_runtime.errors import OutputError
from lepton_edge_runtime.formats.tflite import read_tflite
from lepton_edge_runtime.preprocess import Preprocess

_TIMING_SECONDS = 2.0


def convert(
    model: Any,
    output: str | Path,
    *,
    data: Any = None,
    labels: str | Path | Sequence[str] | None = None,
    recipe: str | Path | Recipe = "int8",
    preprocess: Preprocess | None = None,
    task: str | None = None,
    io: Io | None = None,
    batch: Batch | None = None,
    formats: Sequence[Format] | None = None,
    holdout: float | None = None,
    calibration: int | None = None,
    max_drop: float | None = None,
    ranges: Ranges | None = None,
    float_layers: Sequence[str] | None = None,
    equalize: bool | None = None,
    correct_bias: bool | None = None,
    metric: str | None = None,
    min_metric: float | None = None,
    strict: bool | None = None,
    custom: Sequence[str] = (),
    custom_objects: Mapping[str, Any] | None = None,
    trust: bool = False,
    signature: str = "",
    images: bool = True,
    force: bool = False,
    verbose: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Convert a trained Keras model into a bundle, proven to be still the same model.

    Args:
        model: A ``.keras`` or ``.h5`` file of Keras 3 or Keras 2, a SavedModel folder, a Teachable Machine export,
            or a Keras model in memory.
        output: The bundle, ``NAME.lepton``; ``NAME.report.json`` and ``NAME.report.html`` are written beside it, of
            a refused model ``NAME.refused.report.json`` and ``.html`` alone.
        data: What calibrates and judges: a folder of pictures (class subfolders are labels), a ``.csv``
            with ``path`` and ``label`` or ``class_index``, ``.npz``, ``.npy``, arrays, or an iterable of
            arrays. ``int8`` needs some; without any the other schemes are judged on synthetic samples.
        labels: Names of the classes in the model's order, or a text file with one a line.
        recipe: ``float32``, ``float16``, ``int8``, a ``.toml`` file, or a ``Recipe``.
        preprocess: How pictures become the model's input; what it leaves open is taken from the model.
        task: ``classify`` or ``raw``, where the model does not tell.
        io: Type of an int8 model's inputs and outputs, instead of the recipe's.
        batch: How many samples the files take at once, instead of the recipe's: 1, or ``"dynamic"`` to leave their
            first axis free, which is tried on several samples at once.
        formats: Files to write, instead of the recipe's.
        holdout: Share of the samples that judges, instead of the recipe's.
        calibration: How many of the others calibrate, instead of the recipe's.
        max_drop: Most points of accuracy to lose, instead of the recipe's; where a metric is named, most of its number.
        ranges: How an int8 model's ranges are estimated: ``minmax``, ``percentile``, ``mse`` or the ``best`` of them.
        float_layers: Names of layers of an int8 model that stay in float; ``sensitivity`` finds those that should.
        equalize: Whether to bring channels to like ranges before they are quantized, instead of the recipe's choice.
        correct_bias: Whether biases take back what rounding the weights shifts, instead of the recipe's choice.
        metric: What else to judge by: ``r2``, ``closeness``, ``map``, ``miou``, ``pck``, ``oks``, or a function of your
            own, ``module:function``, called as ``function(reference, outputs, targets)``, higher being better.
        min_metric: Least number that the metric may say, instead of the recipe's.
        strict: Refuse for anything odd about the samples, and for bounds that they cannot prove.
        custom: ``module:Name`` of each class or function of your own that the file is made of.
        custom_objects: The same as objects, by name; the file is then loaded in this process.
        trust: Whether Python code inside the file (``Lambda`` layers) may run.
        signature: Which signature of a SavedModel to convert; by default the only one, or ``serving_default``.
        images: Whether the page shows the samples that are answered otherwise than by the original.
        force: Replace an existing bundle.
        verbose: Let the converter libraries print.
        progress: Called with what is being done, how much is done, and how much there is.

    Returns:
        What was done, in numbers.

    Raises:
        GateRefusedError: The result is not good enough; no bundle was written, ``error.report`` says why.
        LeptonError: The model, samples, recipe or output is not usable; nothing was written.

    Example:
        >>> report = convert("birds.keras", "birds.lepton", data="photos/")   # doctest: +SKIP
        >>> report.row("TFLite int8").agreement.value                         # doctest: +SKIP
        0.98
    """
    begin = monotonic()
    require_converter()
    output = check_output(Path(output), force=force)
    recipe = load_recipe(
        recipe,
        io=io,
        batch=batch,
        formats=formats and tuple(formats),
        holdout=holdout,
        calibration=calibration,
        max_drop=max_drop,
        ranges=ranges,
        float_layers=float_layers and tuple(float_layers),
        equalize=equalize,
        correct_bias=correct_bias,
        metric=metric,
        min_metric=min_metric,
        strict=strict,
    )
    names = label_names(labels)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lepton-edge-")))
        worker = stack.enter_context(Worker(verbose=verbose))
        job = Job(folder, worker, recipe, progress or silent)
        job.progress("loading the model", 0, 1)
        options = LoadOptions(tuple(custom), trust, signature)
        opened = open_for_conversion(model, worker, options, custom_objects or {})
        plan = prepare(opened, data, names, preprocess, task, job)
        tracing = improve(trace(opened, plan, job))
        plan, job = tracing.plan, tracing.job
        artefacts, compared = _export(tracing)
        throughout = _export_throughout(tracing)
        judgements, plain = ([_judged(one, plan, job) for one in made] for made in (artefacts, throughout))
        timed = [*artefacts, *compared, *throughout]
        latencies = job.call("artefacts:time_artefacts", timed, plan.judged, _TIMING_SECONDS)
        report = summarize(plan, judgements, compared, plain, latencies, output, job, monotonic() - begin)
        report = detailed(report, plan, judgements, compared, job, images=images)
        if not report.passed:
            raise GateRefusedError(write_refused(report))
        try:
            write(output, model, plan, judgements, job)
            report = replace(report, size_bytes=output.stat().st_size, seconds=monotonic() - begin)
            write_reports(report)
        except OSError as problem:
            raise OutputError(f"cannot write {output} and its report: {problem.strerror or problem}") from problem
        return report


def _judged(artefact: Artefact, plan: Plan, job: Job) -> Judgement:
    answers = job.call("artefacts:answer_samples", artefact, plan.judged)
    free = job.recipe.batch == "dynamic"
    batched = job.call("artefacts:answer_batch", artefact, plan.judged, BATCH) if free else None
    return judge(artefact, answers, plan.reference, plan.judged.targets, batched, plan.metric)


def _export(tracing: Tracing) -> tuple[list[Artefact], list[Artefact]]:
    """Return the artefacts to ship, and the float ones to compare their speed with."""
    job, scheme = tracing.job, tracing.job.recipe.scheme
    shipped = [one for one in _export_both(tracing, scheme, job) if one.backend in job.recipe.formats]
    if scheme == "float32":
        return shipped, []
    return shipped, [replace(one, shipped=False) for one in _export_both(tracing, "float32", job)]


def _export_throughout(tracing: Tracing) -> list[Artefact]:
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
    path, route, in_float = job.folder / f"{scheme}.tflite", "by TensorFlow's converter", ()
    if scheme == "int8":
        recipe = job.recipe
        asked = (recipe.ranges, recipe.float_layers, recipe.io)
        made = job.call("quantize.export:export_int8", traced, plan.facts, plan.calibration, *asked, path)
        route, in_float = made.route, made.in_float
    else:
        job.call("exporters.tflite:export_tflite", traced, plan.facts, scheme, path)
    card = cards.finish(plan.draft, read_tflite(path.read_bytes()), job.recipe.batch)
    job.call("exporters.embed:embed_card_in_file", path, encode_card(card))
    return Artefact(f"TFLite {scheme}", "tflite", path, card, route, in_float=in_float)


def _export_onnx(plan: Plan, scheme: str, canonical: Artefact, traced: Path, job: Job) -> Artefact:
    path = job.folder / f"{scheme}.onnx"
    made_of = (canonical.path, traced, plan.facts, scheme, plan.calibration, job.recipe.float_layers)
    route = job.call("exporters.onnx:export_onnx", *made_of, path)
    job.call("exporters.embed:embed_card_in_file", path, encode_card(canonical.card))
    return Artefact(f"ONNX {scheme}", "onnx", path, canonical.card, route)
