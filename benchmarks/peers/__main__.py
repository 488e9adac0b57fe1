"""``python -m benchmarks.peers``: ``setup`` makes each peer's environment, ``run`` measures, and fills the page."""

import os
from collections.abc import Mapping
from pathlib import Path

import click
import msgspec

from benchmarks.peers.cases import MADE, Case, make
from benchmarks.peers.environments import report
from benchmarks.peers.formats import with_other_formats
from benchmarks.peers.given import GIVEN, given_cases
from benchmarks.peers.measuring import measure
from benchmarks.peers.rows import ENVIRONMENTS, PEERS
from benchmarks.peers.tables import Run, bars, table, versions_table
from benchmarks.pruning.page import fill
from lepton_edge_runtime.atomic import replacing
from lepton_edge_runtime.machine import describe_machine

_FOLDER = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("build/peers"),
    show_default=True,
    help="Where environments, models and measurements are kept.",
)


@click.group()
def main() -> None:
    """Our runtime beside its peers: ratios, not times, hold on another machine."""


@main.command()
@click.argument("names", nargs=-1, type=click.Choice(list(ENVIRONMENTS)), metavar="[NAME]...")
@_FOLDER
@click.option("--python", "pythons", multiple=True, help="Interpreter for peers that want an older one.")
def setup(names: tuple[str, ...], *, folder: Path, pythons: tuple[str, ...]) -> None:
    """Make the environments named, or all: FOLDER/NAME/venv. Those that are there stay."""
    refused = report(folder.resolve(), names or tuple(ENVIRONMENTS), pythons)
    if refused:
        raise click.ClickException("\n".join(["not set up:", *refused]))


@main.command()
@click.argument("names", nargs=-1, type=click.Choice([*MADE, *GIVEN]), metavar="[CASE]...")
@_FOLDER
@click.option(
    "--models",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with real models and a video, for the cases that are not made here.",
)
@click.option("--peers", multiple=True, type=click.Choice(list(PEERS)), help="Which; all that are set up by default.")
@click.option("--threads", multiple=True, default=(1,), show_default=True, type=click.IntRange(1), help="Of each peer.")
@click.option("--rounds", default=30, show_default=True, type=click.IntRange(3))
@click.option("--calls", default=10, show_default=True, type=click.IntRange(1), help="Frames of each peer in a round.")
@click.option(
    "--starts", default=3, show_default=True, type=click.IntRange(1), help="Of each peer, for what loading takes."
)
@click.option("--table", "only_table", is_flag=True, help="Measure nothing: tell what was measured before.")
@click.option(
    "--markdown", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Page to put tables and plot into."
)
def run(
    names: tuple[str, ...],
    *,
    folder: Path,
    models: Path | None,
    peers: tuple[str, ...],
    threads: tuple[int, ...],
    rounds: int,
    calls: int,
    starts: int,
    only_table: bool,
    markdown: Path | None,
) -> None:
    """Measure the cases named, or all that there are, one after the other, and print their tables."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    given = given_cases(models.resolve(), folder) if models else {}
    missing = [name for name in names if name in GIVEN and name not in given]
    if missing and not only_table:
        raise click.UsageError(f"{', '.join(missing)}: --models must name a folder with their files")
    chosen = names or (*MADE, *given)
    for count in () if only_table else threads:
        for name in chosen:
            click.echo(f"{name}, {count} thread{'s' if count > 1 else ''} …", err=True)
            case = _case(name, given, folder)
            begun = os.getloadavg()[0]
            found = measure(
                case, folder, peers or tuple(PEERS), threads=count, starts=starts, rounds=rounds, calls=calls
            )
            done = Run(case.title, count, describe_machine(), calls, found, begun)
            _keep(_place(folder, name, count), done)
            click.echo(f"{table(done) if done.served else 'no peer serves'}\n")
    kept = [file for count in threads for name in (*MADE, *GIVEN) if (file := _place(folder, name, count)).exists()]
    runs = [one for file in kept if (one := msgspec.json.decode(file.read_bytes(), type=Run)).served]
    if only_table:
        click.echo("\n\n".join(str(table(one)) for one in runs))
    if markdown:
        _fill(markdown, runs)


def _case(name: str, given: Mapping[str, Case], folder: Path) -> Case:
    return with_other_formats(given[name] if name in given else make(name, folder), folder)


def _place(folder: Path, name: str, threads: int) -> Path:
    return folder / "measured" / f"{name}.{threads}.json"


def _keep(place: Path, done: Run) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with replacing(place) as file:
        file.write(msgspec.json.encode(done))


def _fill(page: Path, runs: list[Run]) -> None:
    plot = page.with_suffix(".svg")
    with replacing(plot) as file:
        file.write(bars([one for one in runs if one.threads == runs[0].threads]).encode())
    picture = f"![Frame to result, each peer's time as a multiple of ours]({plot.name})"
    fill(page, "\n\n".join([picture, *(table(one).markdown() for one in runs), versions_table(runs).markdown()]))


if __name__ == "__main__":
    main()
