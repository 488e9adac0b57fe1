"""``lepton-edge prune``."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from lepton_edge.cli.cache import user_cache
from lepton_edge.cli.columns import columns, sentence
from lepton_edge.cli.interrupts import ending_cleanly
from lepton_edge.cli.options import Said, budget_options, model_options
from lepton_edge.cli.progress import progress_bar
from lepton_edge.cli.show import print_json

if TYPE_CHECKING:
    from lepton_edge_converters.report.pruned import GroupRow, Pruned

_UNITS = {"milliseconds": "ms", "parameters": "parameters", "macs": "multiplications", "bytes": "bytes in 8 bits"}


@click.command(name="prune")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Keras file to write, NAME.keras.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Samples, as convert takes them, to rate channels by and to train on; labels are not needed.",
)
@model_options
@budget_options
@click.option(
    "--criterion",
    type=click.Choice(["taylor", "activation", "gamma", "l2", "l1"]),
    help="What channels are rated by [default: taylor with samples, l2 without].",
)
@click.option(
    "--rounds",
    default=1,
    show_default=True,
    type=click.IntRange(1, 20),
    metavar="N",
    help="In how many steps the bounds are reached, each rated and trained anew.",
)
@click.option(
    "--least-share", default=0.1, show_default=True, metavar="SHARE", help="Of each group's channels, left to it."
)
@click.option("--keep", multiple=True, metavar="LAYER", help="A layer that keeps all its channels. Repeatable.")
@click.option(
    "--engine",
    type=click.Choice(["tflite", "onnx"]),
    default="tflite",
    show_default=True,
    help="Whose times count.",
)
@click.option(
    "--epochs",
    default=10,
    show_default=True,
    type=click.IntRange(0),
    metavar="N",
    help="Of training, each round; 0 for none.",
)
@click.option("--learning-rate", default=1e-3, show_default=True, metavar="RATE", help="Of that, at its highest.")
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the state of the training; a run that was cut off goes on there.",
)
@click.option("--show-groups", is_flag=True, help="Print which channels hang together, and prune nothing.")
@click.option("--custom", multiple=True, metavar="MODULE:NAME", help="As in convert. Repeatable.")
@click.option("--trust", is_flag=True, help="Let Python code inside the model file (Lambda layers) run.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--verbose", is_flag=True, help="Show what the converter libraries print.")
def command(
    model: Path,
    output: Path | None,
    data: Path | None,
    said: Said,
    criterion: Any,
    rounds: int,
    least_share: float,
    keep: tuple[str, ...],
    engine: Any,
    epochs: int,
    learning_rate: float,
    checkpoint: Path | None,
    custom: tuple[str, ...],
    *,
    show_groups: bool,
    trust: bool,
    force: bool,
    as_json: bool,
    verbose: bool,
    **bounds: Any,
) -> None:
    """Remove channels from the Keras model MODEL until it is as small or as fast as asked.

    What is left is trained to answer as before: by the original's answers, and by labels where the samples have them.
    The file written is an ordinary Keras model.

    \b
    Example:
      lepton-edge prune birds.keras -o smaller.keras --data photos/ --speedup 2
    """
    from lepton_edge_converters.pruning.alone import channel_groups, prune_file  # noqa: PLC0415 - only for this command
    from lepton_edge_converters.shrinking import Pruning  # noqa: PLC0415 - likewise
    from lepton_edge_converters.train import Training  # noqa: PLC0415 - likewise

    if custom:
        sys.path.append(str(Path.cwd()))  # last, so that nothing there hides an installed package
    if show_groups:
        _print_groups(channel_groups(model, custom=custom, trust=trust, verbose=verbose), as_json=as_json)
        return
    if output is None:
        raise click.UsageError("say where the pruned model goes (-o NAME.keras), or ask for --show-groups")
    try:
        pruning = Pruning(
            criterion=criterion or ("l2" if data is None else "taylor"), rounds=rounds, least_share=least_share,
            keep=keep, engine=engine, **bounds,
        )  # fmt: skip
        training = Training(epochs=epochs, learning_rate=learning_rate) if epochs and data is not None else None
    except ValueError as wrong:
        raise click.UsageError(str(wrong)) from wrong
    with ending_cleanly(), progress_bar(shown=not verbose) as progress:
        found = prune_file(
            model, output, data, pruning=pruning, training=training, labels=said.labels, preprocess=said.preprocess,
            custom=custom, trust=trust, cache=user_cache(), checkpoint=checkpoint, force=force, verbose=verbose,
            progress=progress,
        )  # fmt: skip
    if as_json:
        print_json(msgspec.to_builtins(asdict(found)))
        return
    click.echo("\n".join(columns(list(_rows(found)))))
    click.echo()
    for line in _told(found, trained=training is not None):
        click.echo(line)
    click.echo(f"written: {output}", err=True)


def _print_groups(groups: "Sequence[GroupRow]", *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(group) for group in groups])
        return
    click.echo("\n".join(columns(list(_group_rows(groups)))))
    free = sum(group.width for group in groups if not group.kept)
    click.echo(f"\n{free} of {sum(group.width for group in groups)} channels may go")


def _group_rows(groups: "Sequence[GroupRow]") -> Iterator[tuple[str, ...]]:
    yield ("made by", "channels", "read by", "stays, because")
    for one in groups:
        yield (_named(one.makers), str(one.width), _named(one.takers) or "-", one.kept or "-")


def _named(layers: "Sequence[str]") -> str:
    return f"{layers[0]} +{len(layers) - 1}" if len(layers) > 1 else "".join(layers)


def _rows(found: "Pruned") -> Iterator[tuple[str, ...]]:
    yield ("layer", "channels", "left")
    for one in found.widths:
        if one.after != one.before:
            yield (one.layer, str(one.before), str(one.after))


def _told(found: "Pruned", *, trained: bool) -> Iterator[str]:
    for name, before in found.before.items():
        after = found.after[name]
        exact = ".4g" if name == "milliseconds" else ",.0f"
        yield sentence(_UNITS[name], f"{before:{exact}} to {after:{exact}}, {before / after:.2f} times less")
    for layer, kind in found.unknown.items():
        yield sentence("note", f"{layer} ({kind}) is not known, and keeps what it touches")
    for number, one in enumerate(found.recoveries, 1):
        yield sentence(f"round {number}", f"{one.epochs} epochs by {one.learned_from}; {_kept(one.after)}")
    if found.missed:
        yield sentence("note", found.missed)
    if not trained:
        yield sentence("note", "the model is not trained yet: it answers otherwise than before")


def _kept(epoch: Any) -> str:
    found = []
    if epoch.agreement is not None:
        found.append(f"agrees with the original on {epoch.agreement:.1%} of the held-out samples")
    if epoch.accuracy is not None:
        found.append(f"right on {epoch.accuracy:.1%} of them")
    return ", ".join(found) or f"held-out loss {epoch.held_out_loss:.4g}"
