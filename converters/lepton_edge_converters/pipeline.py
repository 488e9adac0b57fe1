"""convert(): the whole story, top to bottom.

load → samples → export → judge → gates → bundle. Each stage is a plain function on values; what can kill
a process runs in the worker; nothing is written before every gate has passed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any

from numpy.typing import NDArray

from lepton_edge_converters import cards
from lepton_edge_converters.artefacts import Artefact
from lepton_edge_converters.errors import GateRefusedError
from lepton_edge_converters.gates.judge import judge
from lepton_edge_converters.load.loaded import LoadOptions
from lepton_edge_converters.load.opened import open_for_conversion
from lepton_edge_converters.lock import Lock, hash_artefacts, hold_to, read_lock, write_lock
from lepton_edge_converters.packing import describe_sources, pack
from lepton_edge_converters.preparation import Job, Plan, prepare
from lepton_edge_converters.recipe import Format, Io, Recipe, load_recipe
from lepton_edge_converters.report import Report
from lepton_edge_converters.said import say
from lepton_edge_converters.stages.cache import StageCache
from lepton_edge_converters.summary import summarize, write_report
from lepton_edge_converters.toolchain import read_toolchain, surroundings
from lepton_edge_converters.tracing import Tracing, trace
from lepton_edge_converters.worker import Progress, workplace
from lepton_edge_runtime.atomic import replacing
from lepton_edge_runtime.bundle import check_output
from lepton_edge_runtime.card import encode_card
from lepton_edge_runtime.errors import MissingExtraError, OutputError
from lepton_edge_runtime.formats.tflite import read_tflite
from lepton_edge_runtime.interrupts import uninterrupted
from lepton_edge_runtime.machine import read_processor, usable_cores
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.timing import NOISY, Latency

_TIMING_SECONDS = 2.0


def convert(
    model: Any,
    output: str | Path,
    *,
    data: Any = None,
    labels: str | Path | Sequence[str] | None = None,
    recipe: str | Path | Recipe | None = None,
    preprocess: Preprocess | None = None,
    task: str | None = None,
    io: Io | None = None,
    formats: Sequence[Format] | None = None,
    holdout: float | None = None,
    calibration: int | None = None,
    max_drop: float | None = None,
    custom: Sequence[str] = (),
    custom_objects: Mapping[str, Any] | None = None,
    trust: bool = False,
    signature: str = "",
    force: bool = False,
    locked: bool = False,
    cache: str | Path | None = None,
    verbose: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Convert a trained Keras model into a bundle, proven to be still the same model.

    Args:
        model: A ``.keras`` or ``.h5`` file of Keras 3 or Keras 2, a SavedModel folder, a Teachable Machine export,
            or a Keras model in memory.
        output: The bundle, ``NAME.lepton``; ``NAME.report.json`` and ``NAME.lepton.lock`` are written beside it.
        data: What calibrates and judges: a folder of pictures (class subfolders are labels), a ``.csv``
            with ``path`` and ``label`` or ``class_index``, ``.npz``, ``.npy``, arrays, or an iterable of
            arrays. ``int8`` needs some; without any the other schemes are judged on synthetic samples.
        labels: Names of the classes in the model's order, or a text file with one a line.
        recipe: ``int8`` (the default), ``float32``, ``float16``, ``dynamic``, a ``.toml`` file, or a ``Recipe``.
        preprocess: How pictures become the model's input; what it leaves open is taken from the model.
        task: ``classify`` or ``raw``, where the model does not tell.
        io: Type of an int8 model's inputs and outputs, instead of the recipe's.
        formats: Files to write, instead of the recipe's.
        holdout: Share of the samples that judges, instead of the recipe's.
        calibration: How many of the others calibrate, instead of the recipe's.
        max_drop: Most points of accuracy to lose, instead of the recipe's.
        custom: ``module:Name`` of each class or function of your own that the file is made of.
        custom_objects: The same as objects, by name; the file is then loaded in this process.
        trust: Whether Python code inside the file (``Lambda`` layers) may run.
        signature: Which signature of a SavedModel to convert; by default the only one, or ``serving_default``.
        force: Replace an existing bundle.
        locked: Make again the very bundle that the lock beside ``output`` describes. What is not said is taken from
            the lock: recipe, labels, task, signature, preprocessing.
        cache: A folder for what the stages give, so that a later run carries out only what has changed; it is made
            if need be, and stays under 2 GB.
        verbose: Let the converter libraries print.
        progress: Called with what is being done, how much is done, and how much there is.

    Returns:
        What was done, in numbers.

    Raises:
        GateRefusedError: The result is not good enough; nothing was written, ``error.report`` says why.
        LockMismatchError: Something is otherwise than the lock says; nothing was written.
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
    lock = read_lock(output) if locked else None
    recipe = load_recipe(
        recipe or (lock.recipe if lock else "int8"),
        io=io,
        formats=formats and tuple(formats),
        holdout=holdout,
        calibration=calibration,
        max_drop=max_drop,
    )
    said = say(labels, task, signature, preprocess)
    said = said.over(lock.said) if lock else said
    toolchain = read_toolchain()
    hold_to(output, lock, {"recipe": recipe, "said": said, "toolchain": toolchain})
    kept = None if cache is None else StageCache(cache, surroundings=surroundings())
    with workplace(verbose=verbose) as (folder, worker):
        job = Job(folder, worker, recipe, progress or _silent, kept)
        job.progress("loading the model", 0, 1)
        options = LoadOptions(tuple(custom), trust, said.signature)
        opened = open_for_conversion(model, worker, options, custom_objects or {}, kept)
        plan = prepare(opened, data, said.labels, said.preprocess, said.task, job)
        source, samples = describe_sources(model, plan)
        hold_to(output, lock, {"source": source, "data": samples})
        tracing = trace(opened, plan, job)
        plan, job = tracing.plan, tracing.job
        artefacts, compared = _export(tracing)
        judgements = [
            judge(
                artefact,
                job.stage("artefacts:answer_samples", artefact, plan.judged, gives=list[NDArray[Any]]),
                plan.reference,
                plan.judged.targets,
            )
            for artefact in artefacts
        ]
        latencies = _time([*artefacts, *compared], plan, job)
        report = summarize(plan, judgements, compared, latencies, output, job, monotonic() - begin)
        report = replace(report, stages=kept.counts if kept else None)
        if not report.passed:
            raise GateRefusedError(report)
        try:
            bundle = pack(source, samples, plan, judgements, job)
            made = Lock(
                source=source,
                data=samples,
                said=said,
                recipe=recipe,
                toolchain=toolchain,
                artefacts=hash_artefacts(bundle),
            )
            hold_to(output, lock, {"artefacts": made.artefacts})
            report = replace(
                report,
                size_bytes=bundle.stat().st_size,
                seconds=monotonic() - begin,
                stages=kept.counts if kept else None,
            )
            _place(output, bundle, report, made)
        except OSError as problem:
            raise OutputError(f"cannot write {output} and its report: {problem.strerror or problem}") from problem
        return report


def _time(artefacts: list[Artefact], plan: Plan, job: Job) -> dict[str, Latency]:
    """Return the latency of each artefact, which holds for this machine; a disturbed one is not kept."""
    machine = read_processor().name, usable_cores()
    arguments = artefacts, plan.judged, _TIMING_SECONDS
    return job.stage("artefacts:time_artefacts", *arguments, gives=dict[str, Latency], also=machine, keeps=_quiet)


def _quiet(latencies: Mapping[str, Latency]) -> bool:
    return all(one.spread <= NOISY for one in latencies.values())


def _place(output: Path, bundle: Path, report: Report, lock: Lock) -> None:
    """Put the finished bundle where it was asked for, and beside it its report and its lock: all of them or none."""
    content = bundle.read_bytes()
    with uninterrupted(), replacing(output) as file:
        file.write(content)
        write_report(report)
        write_lock(output, lock)


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
    # A float file for comparison is the same whatever calibrates the other one: it is made once.
    io, calibration = ("float32", None) if scheme == "float32" else (job.recipe.io, plan.calibration)
    arguments = traced, plan.facts, scheme, io, calibration, path
    job.stage("exporters.tflite:export_tflite", *arguments, gives=type(None), makes=path)
    card = cards.finish(plan.draft, read_tflite(path.read_bytes()))
    job.stage("exporters.embed:embed_card_in_file", path, encode_card(card), gives=type(None), makes=path)
    return Artefact(f"TFLite {scheme}", "tflite", path, card, "by TensorFlow's converter")


def _export_onnx(plan: Plan, scheme: str, canonical: Artefact, traced: Path, job: Job) -> Artefact:
    path = job.folder / f"{scheme}.onnx"
    calibration = None if scheme == "float32" else plan.calibration
    arguments = canonical.path, traced, plan.facts, scheme, calibration, path
    route = job.stage("exporters.onnx:export_onnx", *arguments, gives=str, makes=path)
    job.stage("exporters.embed:embed_card_in_file", path, encode_card(canonical.card), gives=type(None), makes=path)
    return Artefact(f"ONNX {scheme}", "onnx", path, canonical.card, route)


def _silent(what: str, done: int, total: int) -> None:
    """Report nothing."""
