"""convert(): the whole story, top to bottom.

load → samples → export → judge → gates → bundle. Each stage is a plain function on values; what can kill
a process runs in the worker; nothing is written before every gate has passed.
"""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any

from lepton_edge_converters import cards
from lepton_edge_converters.artefacts import Artefact
from lepton_edge_converters.errors import GateRefusedError
from lepton_edge_converters.gates.judge import judge
from lepton_edge_converters.improving import improve
from lepton_edge_converters.load.loaded import LoadOptions
from lepton_edge_converters.load.opened import open_for_conversion
from lepton_edge_converters.packing import write
from lepton_edge_converters.preparation import Job, Plan, prepare
from lepton_edge_converters.recipe import Format, Io, Recipe, load_recipe
from lepton_edge_converters.report import Report
from lepton_edge_converters.summary import summarize, write_report
from lepton_edge_converters.tracing import Tracing, trace
from lepton_edge_converters.worker import Progress, Worker
from lepton_edge_runtime.bundle import check_output
from lepton_edge_runtime.card import encode_card
from lepton_edge_runtime.errors import MissingExtraError, OutputError
from lepton_edge_runtime.formats.tflite import read_tflite
from lepton_edge_runtime.opening import read_labels
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
    formats: Sequence[Format] | None = None,
    holdout: float | None = None,
    calibration: int | None = None,
    max_drop: float | None = None,
    equalize: bool | None = None,
    correct_bias: bool | None = None,
    custom: Sequence[str] = (),
    custom_objects: Mapping[str, Any] | None = None,
    trust: bool = False,
    signature: str = "",
    force: bool = False,
    verbose: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Convert a trained Keras model into a bundle, proven to be still the same model.

    Args:
        model: A ``.keras`` or ``.h5`` file of Keras 3 or Keras 2, a SavedModel folder, a Teachable Machine export,
            or a Keras model in memory.
        output: The bundle, ``NAME.lepton``; ``NAME.report.json`` is written beside it.
        data: What calibrates and judges: a folder of pictures (class subfolders are labels), a ``.csv``
            with ``path`` and ``label`` or ``class_index``, ``.npz``, ``.npy``, arrays, or an iterable of
            arrays. ``int8`` needs some; without any the other schemes are judged on synthetic samples.
        labels: Names of the classes in the model's order, or a text file with one a line.
        recipe: ``float32``, ``float16``, ``int8``, a ``.toml`` file, or a ``Recipe``.
        preprocess: How pictures become the model's input; what it leaves open is taken from the model.
        task: ``classify`` or ``raw``, where the model does not tell.
        io: Type of an int8 model's inputs and outputs, instead of the recipe's.
        formats: Files to write, instead of the recipe's.
        holdout: Share of the samples that judges, instead of the recipe's.
        calibration: How many of the others calibrate, instead of the recipe's.
        max_drop: Most points of accuracy to lose, instead of the recipe's.
        equalize: Whether to bring channels to like ranges before they are quantized, instead of the recipe's choice.
        correct_bias: Whether biases take back what rounding shifts on average, instead of the recipe's choice.
        custom: ``module:Name`` of each class or function of your own that the file is made of.
        custom_objects: The same as objects, by name; the file is then loaded in this process.
        trust: Whether Python code inside the file (``Lambda`` layers) may run.
        signature: Which signature of a SavedModel to convert; by default the only one, or ``serving_default``.
        force: Replace an existing bundle.
        verbose: Let the converter libraries print.
        progress: Called with what is being done, how much is done, and how much there is.

    Returns:
        What was done, in numbers.

    Raises:
        GateRefusedError: The result is not good enough; nothing was written, ``error.report`` says why.
        LeptonError: The model, samples, recipe or output is not usable; nothing was written.

    Example:
        >>> report = convert("birds.keras", "birds.lepton", data="photos/")   # doctest: +SKIP
        >>> report.row("TFLite int8").agreement.value                         # doctest: +SKIP
        0.98
    """
    begin = monotonic()
    if find_spec("tensorflow") is None:
        raise MissingExtraError("the converter (TensorFlow)", extra="convert")
    output = check_output(Path(output), force=force)
    recipe = load_recipe(
        recipe,
        io=io,
        formats=formats and tuple(formats),
        holdout=holdout,
        calibration=calibration,
        max_drop=max_drop,
        equalize=equalize,
        correct_bias=correct_bias,
    )
    names = _read_labels(labels)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lepton-edge-")))
        worker = stack.enter_context(Worker(verbose=verbose))
        job = Job(folder, worker, recipe, progress or _silent)
        job.progress("loading the model", 0, 1)
        options = LoadOptions(tuple(custom), trust, signature)
        opened = open_for_conversion(model, worker, options, custom_objects or {})
        plan = prepare(opened, data, names, preprocess, task, job)
        tracing = improve(trace(opened, plan, job))
        plan, job = tracing.plan, tracing.job
        artefacts, compared = _export(tracing)
        judgements = [
            judge(
                artefact,
                job.call("artefacts:answer_samples", artefact, plan.judged),
                plan.reference,
                plan.judged.targets,
            )
            for artefact in artefacts
        ]
        latencies = job.call("artefacts:time_artefacts", [*artefacts, *compared], plan.judged, _TIMING_SECONDS)
        report = summarize(plan, judgements, compared, latencies, output, job, monotonic() - begin)
        if not report.passed:
            raise GateRefusedError(report)
        try:
            write(output, model, plan, judgements, job)
            report = replace(report, size_bytes=output.stat().st_size, seconds=monotonic() - begin)
            write_report(report)
        except OSError as problem:
            raise OutputError(f"cannot write {output} and its report: {problem.strerror or problem}") from problem
        return report


def _export(tracing: Tracing) -> tuple[list[Artefact], list[Artefact]]:
    """Return the artefacts to ship, and the float ones to compare their speed with."""
    plan, job, traced = tracing.plan, tracing.job, tracing.shipped
    recipe, scheme = job.recipe, job.recipe.scheme
    canonical = _export_tflite(plan, scheme, traced, job)
    made = [canonical]
    if "onnx" in recipe.formats:
        made.append(_export_onnx(plan, scheme, canonical, traced, job))
    shipped = [one for one in made if one.backend in recipe.formats]
    if scheme == "float32":
        return shipped, []
    compared = [_export_tflite(plan, "float32", tracing.compared, job)]
    if "onnx" in recipe.formats:
        compared.append(_export_onnx(plan, "float32", compared[0], tracing.compared, job))
    return shipped, [replace(one, shipped=False) for one in compared]


def _export_tflite(plan: Plan, scheme: str, traced: Path, job: Job) -> Artefact:
    job.progress(f"TFLite {scheme}", 0, 1)
    path = job.folder / f"{scheme}.tflite"
    job.call("exporters.tflite:export_tflite", traced, plan.facts, scheme, job.recipe.io, plan.calibration, path)
    card = cards.finish(plan.draft, read_tflite(path.read_bytes()))
    job.call("exporters.embed:embed_card_in_file", path, encode_card(card))
    return Artefact(f"TFLite {scheme}", "tflite", path, card, "by TensorFlow's converter")


def _export_onnx(plan: Plan, scheme: str, canonical: Artefact, traced: Path, job: Job) -> Artefact:
    path = job.folder / f"{scheme}.onnx"
    route = job.call("exporters.onnx:export_onnx", canonical.path, traced, plan.facts, scheme, plan.calibration, path)
    job.call("exporters.embed:embed_card_in_file", path, encode_card(canonical.card))
    return Artefact(f"ONNX {scheme}", "onnx", path, canonical.card, route)


def _read_labels(labels: str | Path | Sequence[str] | None) -> tuple[str, ...]:
    if labels is None:
        return ()
    return read_labels(labels) if isinstance(labels, str | Path) else tuple(labels)


def _silent(what: str, done: int, total: int) -> None:
    """Report nothing."""
