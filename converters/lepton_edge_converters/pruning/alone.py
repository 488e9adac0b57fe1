"""prune(): a Keras model in, a Keras model with fewer channels out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from lepton_edge_converters.load.loaded import LoadOptions
from lepton_edge_converters.load.opened import OpenedModel, open_for_conversion, opened_here
from lepton_edge_converters.preparation import require_converter, silent, store_all
from lepton_edge_converters.report.pruned import GroupRow, Pruned
from lepton_edge_converters.said import say
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.shrinking import CriterionName, Pruning
from lepton_edge_converters.train import Training
from lepton_edge_converters.worker import Progress, Worker, workplace
from lepton_edge_runtime.atomic import check_place, replacing
from lepton_edge_runtime.errors import OutputError
from lepton_edge_runtime.preprocess import Preprocess


def prune(
    model: Any,
    data: Any = None,
    *,
    speedup: float | None = None,
    params: float | None = None,
    macs: float | None = None,
    size_kb: float | None = None,
    latency_ms: float | None = None,
    criterion: CriterionName | None = None,
    rounds: int = 1,
    least_share: float = 0.1,
    keep: Sequence[str] = (),
    engine: Literal["tflite", "onnx"] = "tflite",
    training: Training | None = None,
    labels: str | Path | Sequence[str] | None = None,
    preprocess: Preprocess | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    cache: str | Path | None = None,
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
) -> Any:
    """Return a Keras 3 model without the channels that its answers owe the least to: smaller, and faster.

    The model given is left as it is; the one returned is an ordinary Keras model, to be trained on, saved, converted.
    What of the bounds is set must hold; a time that operators promised and the whole model does not keep is logged as
    a warning.

    Args:
        model: A Keras 3 model in memory, or a ``.keras`` or ``.h5`` file of one.
        data: Samples as ``convert`` takes them. Channels are rated by them, batch normalizations are estimated anew
            on them, and ``training`` trains on them; labels are not needed. Without any, weights alone decide.
        speedup: How many times as fast as before the int8 model is at least, on this machine.
        params: Share of the parameters that may be left, 0 to 1.
        macs: Share of the multiplications that may be left, 0 to 1.
        size_kb: Most that the int8 file may have, KB of 1,024 bytes.
        latency_ms: Most that a sample may take in 8 bits, on this machine.
        criterion: What channels are rated by: ``taylor`` or ``activation`` with samples, ``gamma``, ``l2`` or ``l1``
            without; by default the first of these that can be.
        rounds: In how many steps the bounds are reached, each rated anew, and trained.
        least_share: Of each group's channels, left to it, 0 to 1.
        keep: Names of layers that keep all channels that they make.
        engine: Whose times count: ``tflite`` or ``onnx``.
        training: How what is left is trained, each round, by the original's answers and by labels if there are any;
            by default not at all, which is for a training loop of your own.
        labels: Names of the classes in the model's order, where class folders or a table name them.
        preprocess: How pictures become the model's input; what it leaves open is taken from the model.
        custom_objects: Classes and functions of your own that the model is made of, by name.
        cache: A folder for the times of operators, so that a later run measures none twice.
        checkpoint: A folder for the state of the training: a run that was cut off goes on there.
        progress: Called with what is being done, how much is done, and how much there is.

    Raises:
        PruneError: The bounds cannot be had, or the model cannot be taken apart.
        LeptonError: The model or the samples are not usable, or training failed.

    Example:
        >>> smaller = prune(model, "photos/", speedup=2)                        # doctest: +SKIP
        >>> smaller.fit(pictures, classes)                                      # doctest: +SKIP
    """
    require_converter()
    import keras  # noqa: PLC0415 - only who prunes needs it

    from lepton_edge_converters.pruning.rounds import prune_channels  # noqa: PLC0415 - imports TensorFlow

    pruning = Pruning(
        speedup=speedup, params=params, macs=macs, size_kb=size_kb, latency_ms=latency_ms,
        criterion=criterion or ("l2" if data is None else "taylor"), rounds=rounds, least_share=least_share,
        keep=tuple(keep), engine=engine,
    )  # fmt: skip
    opened = opened_here(model, custom_objects or {})
    opened.refuse_texts()
    told = progress or silent
    own = dict(custom_objects or {})
    with TemporaryDirectory(prefix="lepton-edge-") as folder, keras.saving.custom_object_scope(own):
        samples = None if data is None else _stored(opened, data, labels, preprocess, Path(folder), told)
        pruned, _ = prune_channels(
            opened.keras, samples, pruning, training,
            cache=cache, checkpoint=None if checkpoint is None else Path(checkpoint), progress=told,
        )  # fmt: skip
    return pruned


def prune_file(
    model: str | Path,
    output: str | Path,
    data: Any = None,
    *,
    pruning: Pruning,
    training: Training | None = None,
    labels: str | Path | Sequence[str] | None = None,
    preprocess: Preprocess | None = None,
    custom: Sequence[str] = (),
    trust: bool = False,
    cache: str | Path | None = None,
    checkpoint: str | Path | None = None,
    force: bool = False,
    verbose: bool = False,
    progress: Progress | None = None,
) -> Pruned:
    """Write a file's model with fewer channels into another file, and return what was done; see ``prune``.

    Args:
        model: A ``.keras`` or ``.h5`` file of Keras 3.
        output: File to write, ``NAME.keras``.
        data: As in ``prune``.
        pruning: How far, and by what.
        training: How what is left is trained; ``None`` to leave it.
        labels: As in ``prune``.
        preprocess: As in ``prune``.
        custom: ``module:Name`` of each class or function of your own that the file is made of.
        trust: Whether Python code inside the file (``Lambda`` layers) may run.
        cache: As in ``prune``.
        checkpoint: As in ``prune``.
        force: Replace an existing file.
        verbose: Let the libraries print.
        progress: Called with what is being done, how much is done, and how much there is.

    Raises:
        LeptonError: As in ``prune``, or the output cannot be written; one that was there is still as it was.
    """
    require_converter()
    output = _checked_output(Path(output), force=force)
    told = progress or silent
    options = LoadOptions(tuple(custom), trust)
    with workplace(verbose=verbose) as (folder, worker):
        opened = open_for_conversion(model, worker, options, {})
        worker.call("lepton_edge_converters.load.opened:refuse_texts", Path(model).resolve(), options)
        samples = None if data is None else _stored(opened, data, labels, preprocess, folder, told)
        made = folder / "pruned.keras"
        given = Path(model).resolve(), options, samples, pruning, training, _text(cache), _path(checkpoint), made
        found: Pruned = worker.call("lepton_edge_converters.pruning.jobs:prune_file", *given, progress=told)
        try:
            with replacing(output) as file:
                file.write(made.read_bytes())
        except OSError as problem:
            raise OutputError(f"cannot write {output}: {problem.strerror or problem}") from problem
    return found


def channel_groups(
    model: str | Path, *, custom: Sequence[str] = (), trust: bool = False, verbose: bool = False
) -> tuple[GroupRow, ...]:
    """Return the groups of channels of a file's model: what stands or falls together, and what stays, and why.

    Raises:
        LeptonError: The model cannot be loaded or taken apart.
    """
    require_converter()
    options = LoadOptions(tuple(custom), trust)
    with workplace(verbose=verbose) as (_, worker):
        open_for_conversion(model, worker, options, {})  # a wrong file is told before anything slow
        return _groups(worker, Path(model).resolve(), options)


def _groups(worker: Worker, path: Path, options: LoadOptions) -> tuple[GroupRow, ...]:
    found: tuple[GroupRow, ...] = worker.call("lepton_edge_converters.pruning.jobs:list_groups", path, options)
    return found


def _stored(
    opened: OpenedModel,
    data: Any,
    labels: str | Path | Sequence[str] | None,
    preprocess: Preprocess | None,
    folder: Path,
    progress: Progress,
) -> StoredSamples:
    return store_all(opened, data, say(labels, None, "", preprocess), folder, progress)


def _checked_output(output: Path, *, force: bool) -> Path:
    if output.suffix != ".keras":
        raise OutputError(f"a Keras model is called NAME.keras, not {output.name}")
    return check_place(output, force=force)


def _text(path: str | Path | None) -> str | None:
    return None if path is None else str(Path(path).resolve())


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path).resolve()
