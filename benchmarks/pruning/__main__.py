"""``python -m benchmarks.pruning FASHION_MNIST FOLDER``: every net made into every version, and the tables.

Results are kept in FOLDER step by step: run again, it goes on where it was cut off.
"""

from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import click
import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.idx import read
from benchmarks.pruning import NET_NAMES
from benchmarks.pruning.page import fill
from benchmarks.pruning.steps import SETTINGS, Bench, Made, Step, in_order
from benchmarks.pruning.tables import FASTER, POINTS, Found, net_table, seeds_table, verdict
from benchmarks.pruning.versions import ROUNDS, Settings
from benchmarks.table import Table
from lepton_edge_runtime.atomic import replacing

_NETS = click.Choice(NET_NAMES)


@click.command()
@click.argument("pictures", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="FASHION_MNIST")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--nets", multiple=True, type=_NETS, help="Which; may be given several times. All by default.")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1), help="Of the nets that have several.")
@click.option(
    "--seeded",
    multiple=True,
    type=_NETS,
    default=("resnet", "mobilenet_v2"),
    show_default=True,
    help="Which have several seeds.",
)
@click.option("--images", default=15_000, show_default=True, type=click.IntRange(1000, 60_000), help="That train.")
@click.option("--epochs", default=10, show_default=True, type=click.IntRange(1), help="Of the float nets.")
@click.option(
    "--retraining",
    default=8,
    show_default=True,
    type=click.IntRange(1),
    help="Epochs of each of two rounds of pruning; of sparse weights twice as many.",
)
@click.option("--minutes", type=click.FloatRange(0), help="No further step is begun after so many.")
@click.option("--seconds", default=5.0, show_default=True, type=click.FloatRange(0), help="That a net is timed for.")
@click.option("--table", is_flag=True, help="Do no step; only time what is there, and print.")
@click.option("--retime", is_flag=True, help="Time anew what was timed before: on a quieter machine.")
@click.option("--retry", is_flag=True, help="Try again what was refused.")
@click.option(
    "--export",
    type=click.Path(path_type=Path, file_okay=False),
    help="Copy results, without files, into a folder: a run in a copy of it goes on from there.",
)
@click.option(
    "--markdown", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Page to put the tables into."
)
def main(
    *,
    pictures: Path,
    folder: Path,
    nets: tuple[str, ...],
    seeds: int,
    seeded: tuple[str, ...],
    images: int,
    epochs: int,
    retraining: int,
    minutes: float | None,
    seconds: float,
    table: bool,
    retime: bool,
    retry: bool,
    export: Path | None,
    markdown: Path | None,
) -> None:
    """Make nets into all versions, step by step, and print tables of those that are there."""
    pictures, folder = pictures.resolve(), folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    settings = _settled(folder, Settings(images=images, epochs=epochs, retraining=retraining))
    bench = Bench(pictures, folder, settings)
    steps = list(in_order(nets or NET_NAMES, seeds, seeded))
    if not table:
        _work(bench, steps, minutes, retry=retry)
    if retime:
        bench.forget_times()
    tests, truth = read(pictures, "t10k")
    text = _tables(bench, steps, truth, tests[:1], seconds)
    click.echo("\n\n".join(str(one) for one in text))
    if export:
        bench.export(export)
    if markdown:
        fill(markdown, "\n\n".join(one if isinstance(one, str) else one.markdown() for one in text))


def _settled(folder: Path, settings: Settings) -> Settings:
    """Keep what the results are made with, and refuse to mix them with others."""
    path = folder / SETTINGS
    if path.exists():
        before = msgspec.json.decode(path.read_bytes(), type=Settings)
        if before != settings:
            raise click.UsageError(f"{folder} has results of {before}; give the same options, or another folder")
        return settings
    with replacing(path) as file:
        file.write(msgspec.json.encode(settings))
    return settings


def _work(bench: Bench, steps: Sequence[Step], minutes: float | None, *, retry: bool) -> None:
    begin = monotonic()
    for place, step in enumerate(steps, 1):
        found = bench.found(step)
        if found and not (retry and found.refused):
            continue
        if minutes is not None and monotonic() - begin > 60 * minutes:
            click.echo(f"out of time: {step.title} and what comes after is left for another run", err=True)
            return
        click.echo(f"{place}/{len(steps)} {step.title} …", err=True)
        click.echo(f"  {_ended(bench.carry_out(step))}", err=True)


def _ended(made: Made) -> str:
    return f"refused: {made.refused}" if made.refused else f"{made.seconds:.0f} s"


def _tables(
    bench: Bench, steps: Sequence[Step], truth: NDArray[np.uint8], image: NDArray[np.uint8], seconds: float
) -> list[str | Table]:
    """Return the tables of what is there, and a sentence a net."""
    answers: list[str | Table] = []
    verdicts = []
    for net in dict.fromkeys(step.net for step in steps):
        several = []
        for seed in sorted({step.seed for step in steps if step.net == net}):
            of_seed = [step for step in steps if (step.net, step.seed) == (net, seed)]
            made = {step.version: found for step in of_seed if (found := bench.found(step))}
            if made:
                several.append(Found(net, seed, made, bench.times(of_seed, image, seconds), truth))
        if several:
            answers += [net_table(found) for found in several]
            answers += [seeds_table(several)] if len(several) > 1 else []
            verdicts.append(verdict(several))
    held = sum(holds for holds, _ in verdicts)
    claim = f"At least {FASTER:g} times as fast as plain int8, at most {POINTS:g} point lost against float"
    settings = (
        f"{bench.settings.images} training images, {bench.settings.epochs} epochs of the float nets, {ROUNDS} × "
        f"{bench.settings.retraining} of what is pruned or made sparse."
    )
    return [
        settings,
        *answers,
        "\n".join([f"{claim}: {held} of {len(verdicts)} nets.", *(f"- {why}" for _, why in verdicts)]),
    ]


if __name__ == "__main__":
    main()
