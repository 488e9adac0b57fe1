"""``lepton-edge search``."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lepton_edge.cli.columns import columns, sentence
from lepton_edge.cli.interrupts import ending_cleanly
from lepton_edge.cli.numbers import real_list
from lepton_edge.cli.options import Said, model_options
from lepton_edge.cli.progress import progress_bar
from lepton_edge.cli.show import print_json, say

if TYPE_CHECKING:
    from lepton_edge_converters.search.found import Point, PointFile, Search


def _words(context: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    del context, parameter
    return tuple(word.strip() for word in value.split(","))


@click.command(name="search")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the points, search.html and search.json; made if need be. What it has already is not made again.",
)
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Samples that calibrate, judge and, but for those "
    "that judge, train; as convert takes them.",
)  # fmt: skip
@click.option("--train-data", type=click.Path(path_type=Path), help="Samples that train instead, in the same forms.")
@click.option(
    "--speedup",
    callback=real_list,
    metavar="LIST",
    help="How many times as fast in 8 bits as unpruned, here; 1 leaves all channels  [default: 1,1.5,2,3,4, unless "
    "--macs or --params say otherwise]",
)
@click.option(
    "--macs", callback=real_list, metavar="LIST", help="Shares of the multiplications that may be left, such as 1,0.5."
)
@click.option("--params", callback=real_list, metavar="LIST", help="Shares of the parameters that may be left.")
@click.option(
    "--scheme",
    default="int8,float16",
    show_default=True,
    callback=_words,
    metavar="LIST",
    help="How numbers are stored: of float32, float16, dynamic, weights, int8, int16x8.",
)
@click.option(
    "--recipe",
    default="prune-int8",
    show_default=True,
    metavar="NAME|FILE",
    help="All else: how pruned models are trained, and the gates that a point is to pass.",
)
@model_options
@click.option(
    "--jobs",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Processes that make points. More than one disturb each other's times, which budgets of speed are met by; "
    "the latencies that are shown are measured after all of them.",
)
@click.option("--custom", multiple=True, metavar="MODULE:NAME", help="As in convert. Repeatable.")
@click.option("--trust", is_flag=True, help="Let Python code inside the model file (Lambda layers) run.")
@click.option("--signature", default="", help="Which signature of a SavedModel [default: the only or default one].")
@click.option("--no-images", is_flag=True, help="Leave the pictures of samples out of the points' pages.")
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False), help="Folder of what stages give  "
    "[default: cache in the output folder]")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace points of another model, other samples, settings or versions, and "
    "try again what could not be made.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--verbose", is_flag=True, help="Show what the converter libraries print.")
def command(
    model: Path,
    output: Path,
    data: Path,
    train_data: Path | None,
    speedup: tuple[float, ...] | None,
    macs: tuple[float, ...] | None,
    params: tuple[float, ...] | None,
    scheme: tuple[str, ...],
    recipe: str,
    said: Said,
    jobs: int,
    custom: tuple[str, ...],
    signature: str,
    cache: Path | None,
    *,
    trust: bool,
    no_images: bool,
    force: bool,
    as_json: bool,
    verbose: bool,
) -> None:
    """Convert the Keras model MODEL under every budget with every scheme.

    Each point is a bundle in the output folder, with its report; search.html draws what accuracy costs in time and in
    size, the Pareto front of each engine. A point that the recipe's gates refuse is measured all the same, and marked.
    Called again, it makes only what is missing.

    \b
    Example:
      lepton-edge search birds.keras -o birds/ --data photos/ --speedup 1,2,4 --scheme int8,float16
    """
    from lepton_edge_converters.search.run import search  # noqa: PLC0415 - only for this command

    if custom or recipe.endswith(".toml"):  # all that may name a user's own module
        sys.path.append(str(Path.cwd()))  # last, so that nothing there hides an installed package
    with ending_cleanly(), progress_bar(shown=not verbose) as progress:
        found = search(
            model, output, data=data, train_data=train_data, speedups=speedup, macs=macs or (), params=params or (),
            schemes=scheme, recipe=recipe, labels=said.labels, preprocess=said.preprocess, task=said.task,
            custom=custom, trust=trust, signature=signature, images=not no_images, jobs=jobs, force=force, cache=cache,
            verbose=verbose, progress=progress,
        )  # fmt: skip
    if as_json:
        print_json(found.to_dict())
    else:
        _print(found)
    there = sum(not point.problem for point in found.points)
    say(
        f"{there} of {len(found.points)} points, {found.made} made or tried in this run; {output / 'search.html'} in "
        f"{found.seconds:.0f} s",
        err=True,
    )


def _print(found: "Search") -> None:
    for engine in found.engines:
        files = sorted(found.files(engine), key=lambda one: one[1].latency.median_ms)
        click.echo("\n".join(columns([_heading(engine, found.worth), *(_row(*one) for one in files)])))
        click.echo()
    for label, text in _told(found):
        click.echo(sentence(label, text))


def _heading(engine: str, worth: str) -> tuple[str, ...]:
    return (engine, worth.rpartition(":")[2], "95 %", "latency", "× as fast", "size", "front", "gates")


def _row(point: "Point", file: "PointFile") -> tuple[str, ...]:
    fronts = (("time", file.on_latency_front), ("size", file.on_size_front))
    shown = _percent if file.worth.name in ("accuracy", "agreement") else _number
    return (
        point.label,
        shown(file.worth.value),
        f"{shown(file.worth.low)}–{shown(file.worth.high)}" if file.worth.low != file.worth.high else "",
        f"{file.latency.median_ms:.3f} ms",
        f"{file.speedup.value:.2f}" if file.speedup else "",
        f"{file.size_bytes / 1024:,.0f} KB",
        ", ".join(name for name, leads in fronts if leads) or "-",
        "refuse" if point.refused else "pass",
    )


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _number(value: float) -> str:
    return f"{value:.4g}"


def _told(found: "Search") -> Iterator[tuple[str, Any]]:
    for point in found.points:
        if point.problem:
            yield "missing", f"{point.label}: {point.problem}"
        elif point.refused:
            yield "refused", f"{point.label}: {'; '.join(point.refused)}"
    for warning in found.warnings:
        yield "note", warning
