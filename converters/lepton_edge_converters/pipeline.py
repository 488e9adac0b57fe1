"""convert(): the whole story, top to bottom.

load → samples → sparsify → export → judge → gates → bundle. Each stage is a plain function on values; what can kill
a process runs in the worker; nothing is written before every gate has passed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec

from lepton_edge_converters.attempt import Attempt, try_out, try_schemes
from lepton_edge_converters.details.detail import detailed
from lepton_edge_converters.errors import GateRefusedError
from lepton_edge_converters.improving import improve
from lepton_edge_converters.load.loaded import LoadOptions
from lepton_edge_converters.load.opened import OpenedModel, open_for_conversion
from lepton_edge_converters.lock import Lock, encode_lock, hash_artefacts, hold_to, lock_path, read_lock
from lepton_edge_converters.packing import describe_sources, pack
from lepton_edge_converters.preparation import Job, Plan, prepare, require_converter, silent
from lepton_edge_converters.pruning.stage import prune_first
from lepton_edge_converters.recipe import Format, Io, Ranges, Recipe, load_recipe
from lepton_edge_converters.repair import climb
from lepton_edge_converters.report import Report
from lepton_edge_converters.report.files import write_refused, write_reports
from lepton_edge_converters.said import say
from lepton_edge_converters.sparsifying import sparsify, weighed
from lepton_edge_converters.stages.cache import StageCache
from lepton_edge_converters.toolchain import read_toolchain, surroundings
from lepton_edge_converters.tracing import trace
from lepton_edge_converters.worker import Progress, workplace
from lepton_edge_runtime.bundle import check_output
from lepton_edge_runtime.card import Batch
from lepton_edge_runtime.clips import Clip
from lepton_edge_runtime.description import Description
from lepton_edge_runtime.errors import OutputError
from lepton_edge_runtime.interrupts import uninterrupted
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.tokens import Split, Standardize


def convert(
    model: Any,
    output: str | Path,
    *,
    data: Any = None,
    train_data: Any = None,
    labels: str | Path | Sequence[str] | None = None,
    recipe: str | Path | Recipe | None = None,
    preprocess: Preprocess | None = None,
    task: str | None = None,
    description: Description | str | Path | None = None,
    vocabulary: str | Path | Sequence[str] | None = None,
    standardize: Standardize | None = None,
    split: Split | None = None,
    clip: Clip | None = None,
    io: Io | None = None,
    batch: Batch | None = None,
    logits: bool | None = None,
    formats: Sequence[Format] | None = None,
    holdout: float | None = None,
    calibration: int | None = None,
    max_drop: float | None = None,
    ranges: Ranges | None = None,
    float_layers: Sequence[str] | None = None,
    equalize: bool | None = None,
    correct_bias: bool | None = None,
    qat: bool | None = None,
    metric: str | None = None,
    min_metric: float | None = None,
    repair: bool | None = None,
    repair_minutes: float | None = None,
    strict: bool | None = None,
    fastest: bool | None = None,
    zeros: float | str | None = None,
    clusters: int | None = None,
    custom: Sequence[str] = (),
    custom_objects: Mapping[str, Any] | None = None,
    trust: bool = False,
    signature: str = "",
    images: bool = True,
    explain: int = 0,
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
        output: The bundle, ``NAME.lepton``; ``NAME.report.json``, ``NAME.report.html`` and ``NAME.lepton.lock`` are
            written beside it, of a refused model ``NAME.refused.report.json`` and ``.html`` alone.
        data: What calibrates and judges: a folder of pictures or videos (class subfolders are labels), a ``.csv``
            with ``path`` (or ``text``) and ``label`` or ``class_index``, ``.npz``, ``.npy``, arrays, texts, or an
            iterable of them. ``int8`` needs some; without any the other schemes are judged on synthetic samples.
        train_data: What a recipe that prunes, makes weights sparse or trains for 8 bits trains with, in the same
            forms; by default the samples of ``data`` that do not judge, in a repair those that calibrate.
        labels: Names of the classes in the model's order, or a text file with one a line.
        recipe: ``float32``, ``float16``, ``dynamic``, ``weights``, ``int8``, ``int16x8``, a ``.toml`` file, or a
            ``Recipe``.
        preprocess: How pictures become the model's input; what it leaves open is taken from the model.
        task: Row of ``TASKS``, where the model does not tell.
        description: More that is said of the model, or the TOML file that says it: of detectors, segmenters and pose
            nets how their outputs are laid out (``head``). What stands above goes before.
        vocabulary: Tokens of the texts that become its indices, for a model without a TextVectorization layer, or a
            text file with one a line: the first is index 2, after what fills up and what is not known.
        standardize: What is done to a text before that: ``lower_and_strip_punctuation`` if not said, ``lower``,
            ``strip_punctuation`` or ``none``.
        clip: Which frames of a camera make a clip, for a model that takes several pictures in a row.
        split: Where it is split: at ``whitespace`` if not said, into ``character``, or ``none``.
        io: Type of an int8 model's inputs and outputs, instead of the recipe's.
        batch: How many samples the files take at once, instead of the recipe's: 1, or ``"dynamic"`` to leave their
            first axis free, which is tried on several samples at once.
        logits: Leave the softmax or sigmoid that a classifier ends in out of the files, which the runtime's decoder
            then applies, instead of the recipe's choice: 8 bits are spent on logits, not on shares of 1/256.
        formats: Files to write, instead of the recipe's.
        holdout: Share of the samples that judges, instead of the recipe's.
        calibration: How many of the others calibrate, instead of the recipe's.
        max_drop: Most points of accuracy to lose, instead of the recipe's; where a metric is named, most of its number.
        ranges: How an int8 model's ranges are estimated: ``minmax``, ``percentile``, ``mse`` or the ``best`` of them.
        float_layers: Names of layers of an int8 model that stay in float; ``sensitivity`` finds those that should.
        equalize: Whether to bring channels to like ranges before they are quantized, instead of the recipe's choice.
        correct_bias: Whether biases take back what rounding shifts on average, instead of the recipe's choice.
        qat: Whether weights and ranges are trained to bear 8 bits, instead of the recipe's choice; takes minutes.
        metric: What else to judge by: ``r2``, ``closeness``, ``map``, ``miou``, ``pck``, ``oks``, or a function of your
            own, ``module:function``, called as ``function(reference, outputs, targets)``, higher being better.
        min_metric: Least number that the metric may say, instead of the recipe's.
        repair: Whether to mend an int8 model that a gate refuses: better ranges, equalization and bias correction,
            layers in float, training for 8 bits, until all gates pass.
        repair_minutes: No further step of that is begun after this long.
        strict: Refuse for anything odd about the samples, and for bounds that they cannot prove.
        fastest: Try every scheme and ship the fastest that passes the recipe's gates, instead of the recipe's word.
        zeros: Make this share of each layer's weights zero before all else, such as 0.8, or leave 2 of each 4,
            ``"2:4"``: a smaller download, and no faster model. The samples that do not judge train it.
        clusters: How many different values the weights of a layer may have, likewise.
        custom: ``module:Name`` of each class or function of your own that the file is made of.
        custom_objects: The same as objects, by name; the file is then loaded in this process.
        trust: Whether Python code inside the file (``Lambda`` layers) may run.
        signature: Which signature of a SavedModel to convert; by default the only one, or ``serving_default``.
        images: Whether the page shows the samples that are answered otherwise than by the original.
        explain: In how many judged pictures to compare where the float file and the converted one look; 800 runs each.
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
        GateRefusedError: The result is not good enough; no bundle was written, ``error.report`` says why.
        LockMismatchError: Something is otherwise than the lock says; nothing was written.
        LeptonError: The model, samples, recipe or output is not usable; nothing was written.

    Example:
        >>> report = convert("birds.keras", "birds.lepton", data="photos/")   # doctest: +SKIP
        >>> report.row("TFLite int8").agreement.value                         # doctest: +SKIP
        0.98
    """
    if explain < 0:
        raise ValueError(f"explain is a number of pictures, 0 or more, not {explain}")
    begin = monotonic()
    require_converter()
    output = check_output(Path(output), force=force)
    lock = read_lock(output) if locked else None
    recipe = load_recipe(
        recipe or (lock.recipe if lock else "int8"),
        io=io,
        batch=batch,
        logits=logits,
        formats=formats and tuple(formats),
        holdout=holdout,
        calibration=calibration,
        max_drop=max_drop,
        ranges=ranges,
        float_layers=float_layers and tuple(float_layers),
        equalize=equalize,
        correct_bias=correct_bias,
        qat=qat,
        metric=metric,
        min_metric=min_metric,
        repair=repair,
        repair_minutes=repair_minutes,
        strict=strict,
        fastest=fastest,
        zeros=zeros,
        clusters=clusters,
    )
    said = say(
        labels,
        task,
        signature,
        preprocess,
        description,
        vocabulary=vocabulary,
        standardize=standardize,
        split=split,
        clip=clip,
    )
    said = said.over(lock.said) if lock else said
    toolchain = read_toolchain()
    hold_to(output, lock, {"recipe": recipe, "said": said, "toolchain": toolchain})
    kept = None if cache is None else StageCache(cache, surroundings=surroundings())
    with workplace(verbose=verbose) as (folder, worker):
        job = Job(folder, worker, recipe, progress or silent, kept)
        job.progress("loading the model", 0, 1)
        options = LoadOptions(tuple(custom), trust, said.signature)
        opened = open_for_conversion(model, worker, options, custom_objects or {}, kept)
        plan = prepare(opened, data, said, job, train_data)
        source, samples = describe_sources(model, plan)
        hold_to(output, lock, {"source": source, "data": samples})
        # What was measured and chosen when the lock was written is not chosen anew: a busier machine chooses otherwise.
        asked = replace(job, recipe=lock.chosen) if lock and lock.chosen else job
        opened, plan = sparsify(*prune_first(opened, plan, asked), job)
        if plan.pruned is not None:  # from here on, the bundle's recipe among it, widths are what was asked for
            job = replace(job, recipe=_with_widths(job.recipe, plan.pruned.chosen))
        tried = _try(opened, plan, job, output, lock.chosen if lock else None)
        plan, job = tried.plan, tried.job
        report = detailed(tried.report, plan, tried.judgements, tried.compared, job, images=images, explain=explain)
        report = weighed(report, plan, [*(one.artefact for one in tried.judgements), *tried.compared], job)
        report = replace(report, seconds=monotonic() - begin, stages=kept.counts if kept else None)
        if not report.passed:
            raise GateRefusedError(write_refused(report))
        try:
            searched = recipe.fastest or report.rungs or plan.pruned is not None
            chosen = lock.chosen if lock else job.recipe if searched else None
            bundle = pack(source, samples, plan, tried.judgements, job)
            made = Lock(
                source=source,
                data=samples,
                said=said,
                recipe=recipe,
                chosen=chosen,
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


def _with_widths(recipe: Recipe, widths: tuple[dict[str, int], ...]) -> Recipe:
    prune = recipe.prune and msgspec.structs.replace(recipe.prune, widths=widths)
    return msgspec.structs.replace(recipe, prune=prune)


def _try(opened: OpenedModel, plan: Plan, job: Job, output: Path, chosen: Recipe | None) -> Attempt:
    """Return the attempt that is to ship, or to be refused.

    Args:
        opened: The model.
        plan: What is known of it.
        job: With the recipe that was asked for.
        output: The bundle.
        chosen: By what a search for the fastest or a repair ended with before; it is not done again, since a busier
            machine, or one that is out of time sooner, would choose otherwise.
    """
    if chosen is not None:
        note = "as the lock says, this was chosen when it was written, and not searched for again"
        noted = replace(plan, warnings=(*plan.warnings, note))
        return try_out(improve(trace(opened, noted, replace(job, recipe=chosen))), output)
    if job.recipe.fastest:
        return try_schemes(opened, plan, job, output)
    tracing = improve(trace(opened, plan, job))
    tried = try_out(tracing, output)
    return climb(tracing, tried) if job.recipe.repair and not tried.report.passed else tried


def _place(output: Path, bundle: Path, report: Report, lock: Lock) -> None:
    """Put the finished bundle where it was asked for, and beside it its reports and its lock: all of them or none."""
    content = bundle.read_bytes()
    with uninterrupted():
        write_reports(report, {lock_path(output): encode_lock(lock), output: content})
