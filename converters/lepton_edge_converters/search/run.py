"""search(): every budget with every scheme, made by any executor, measured side by side."""

import json
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

from lepton_edge_converters.errors import RecipeError
from lepton_edge_converters.preparation import require_converter, silent
from lepton_edge_converters.recipe import Recipe
from lepton_edge_converters.said import say
from lepton_edge_converters.search.asked import Bound, ask
from lepton_edge_converters.search.found import Search
from lepton_edge_converters.search.given import code_of, data_path, known_by, model_path, ready
from lepton_edge_converters.search.handing import make_points
from lepton_edge_converters.search.job import PointJob
from lepton_edge_converters.search.measuring import measure
from lepton_edge_converters.search.page import render_search
from lepton_edge_converters.search.stamp import finished, read_stamp
from lepton_edge_converters.stages.digest import digest
from lepton_edge_converters.toolchain import read_toolchain
from lepton_edge_converters.worker import Progress
from lepton_edge_runtime.atomic import replace_all
from lepton_edge_runtime.errors import OutputError
from lepton_edge_runtime.interrupts import uninterrupted
from lepton_edge_runtime.preprocess import Preprocess

SPEEDUPS = (1.0, 1.5, 2.0, 3.0, 4.0)
SCHEMES = ("int8", "float16")


def search(
    model: Any,
    folder: str | Path,
    *,
    data: Any,
    train_data: Any = None,
    speedups: Sequence[float] | None = None,
    macs: Sequence[float] = (),
    params: Sequence[float] = (),
    schemes: Sequence[str] = SCHEMES,
    recipe: str | Path | Recipe = "prune-int8",
    labels: str | Path | Sequence[str] | None = None,
    preprocess: Preprocess | None = None,
    task: str | None = None,
    custom: Sequence[str] = (),
    trust: bool = False,
    signature: str = "",
    images: bool = True,
    executor: Executor | None = None,
    jobs: int = 1,
    force: bool = False,
    cache: str | Path | None = None,
    verbose: bool = False,
    progress: Progress | None = None,
) -> Search:
    """Convert a model under every budget with every scheme, and return what accuracy costs in time and in size.

    Each point is a bundle in ``folder``, ``NAME.lepton``, with its report and its lock, measured even where the
    recipe's gates refuse it; ``search.html`` and ``search.json`` show them all, with the Pareto front of each engine.
    A search that was cut off, or is asked for more, makes only the points that are missing.

    Args:
        model: As ``convert`` takes it; one in memory is saved into ``folder``.
        folder: Made if need be.
        data: What calibrates and judges, and trains where ``train_data`` is not given: a path, an array, a pair of
            samples and labels, or a mapping of arrays; arrays are saved into ``folder``.
        train_data: What pruned models are trained with, in the same forms.
        speedups: How many times as fast in 8 bits as the unpruned model, 1 to leave all channels; by default 1, 1.5,
            2, 3 and 4, unless ``macs`` or ``params`` are given.
        macs: Shares of the multiplications that may be left, over 0, and 1 to leave all channels.
        params: Shares of the parameters, likewise.
        schemes: How numbers are stored: ``int8``, ``float16``, ``weights`` …
        recipe: All else: how the model is trained again, and the gates that a point is to pass.
        labels: Names of the classes in the model's order, or a text file with one a line.
        preprocess: How pictures become the model's input; what it leaves open is taken from the model.
        task: ``classify`` or ``raw``, where the model does not tell.
        custom: ``module:Name`` of each class or function of your own that the file is made of.
        trust: Whether Python code inside the file (``Lambda`` layers) may run.
        signature: Which signature of a SavedModel, of which nothing can be pruned: its only budget is 1.
        images: Whether the points' pages show samples.
        executor: Who makes the points: any that takes functions of a module, and whose processes see the same paths.
        jobs: How many local processes make them where there is no executor. One by default: a budget of time is met
            by measuring, and neighbours would disturb each other. They are fresh processes, so a script must call
            this below ``if __name__ == "__main__":``.
        force: Replace points of another model, other samples, settings or versions, and try again what could not be
            made.
        cache: A folder for what stages give; by default ``cache`` in ``folder``. Through it the schemes share the
            training of a budget.
        verbose: Let the converter libraries print.
        progress: Called with what is being done, how much is done, and how much there is.

    Raises:
        LeptonError: Model, samples or settings are not usable, no point could be made, or the folder has points of
            another search. Points that are whole stay.

    Example:
        >>> found = search("birds.keras", "birds/", data="photos/", speedups=(1, 2, 4))    # doctest: +SKIP
        >>> [point.label for point in found.front("tflite")]                               # doctest: +SKIP
        ['4× int8', '2× int8', 'full int8', 'full float16']
    """
    begin = monotonic()
    require_converter()
    told = progress or silent
    asked = ask(recipe, _budgets(speedups, macs, params), schemes)
    said = say(labels, task, signature, preprocess)
    folder = ready(Path(folder))
    kept = Path(cache).resolve() if cache is not None else folder / "cache"
    given = model_path(model, folder), data_path(data, folder)
    train = None if train_data is None else data_path(train_data, folder)
    if train is not None and not any(one.recipe.may_train for one in asked):
        raise RecipeError("samples to train with were given, and no point is trained: budgets of 1 leave all channels")
    files = [known_by(path) for path in (*given, train)]
    own = code_of([*custom, *(name for name in {one.recipe.metric for one in asked} if ":" in name)])
    known = digest(files, said, tuple(custom), own, trust, images, read_toolchain())
    points = [
        PointJob(
            model=given[0], bundle=folder / f"{one.name}.lepton", data=given[1], train_data=train, recipe=one.recipe,
            said=said, key=digest(known, one.recipe), custom=tuple(custom), trust=trust, images=images, cache=kept,
            verbose=verbose,
        )
        for one in asked
    ]  # fmt: skip
    missing = [point for point in points if _is_missing(point, again=force)]
    _refuse_others(missing, force=force)
    make_points(missing, executor, jobs, told)
    found = measure(asked, folder, kept, told, verbose=verbose)
    return _written(replace(found, made=len(missing), seconds=monotonic() - begin))


def _is_missing(point: PointJob, *, again: bool) -> bool:
    """Return whether a point is to be made: also what could not be, where that is to be tried again."""
    stamp = finished(point.bundle, point.key)
    return stamp is None or (again and bool(stamp.problem))


def _budgets(
    speedups: Sequence[float] | None, macs: Sequence[float], params: Sequence[float]
) -> list[tuple[Bound, float]]:
    if speedups is None:
        speedups = () if macs or params else SPEEDUPS
    named: tuple[tuple[Bound, Sequence[float]], ...] = (("speedup", speedups), ("macs", macs), ("params", params))
    return [(bound, float(value)) for bound, values in named for value in values]


def _refuse_others(missing: Sequence[PointJob], *, force: bool) -> None:
    """Refuse to write over what was not begun by this very search."""
    for point in missing:
        stamp = read_stamp(point.bundle)
        of_this = stamp is not None and stamp.key == point.key
        if not force and not of_this and (stamp is not None or point.bundle.exists()):
            raise OutputError(
                f"{point.bundle} is of another search: its model, samples, settings or versions are others; name "
                "another folder, or replace it with --force (force=True)"
            )


def _written(found: Search) -> Search:
    """Write ``search.json`` and ``search.html`` into the folder, both or an error."""
    numbers = json.dumps(found.to_dict(), indent=2, allow_nan=False) + "\n"
    page = render_search(found).encode("utf-8", "backslashreplace")
    try:
        with uninterrupted():
            replace_all({found.folder / "search.json": numbers.encode(), found.folder / "search.html": page})
    except OSError as problem:
        raise OutputError(f"cannot write into {found.folder}: {problem.strerror or problem}") from problem
    return found
