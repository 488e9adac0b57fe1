"""``lepton-edge sensitivity``."""

import sys
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from lepton_edge.cli.columns import columns, sentence
from lepton_edge.cli.interrupts import ending_cleanly
from lepton_edge.cli.options import Said, model_options
from lepton_edge.cli.progress import progress_bar
from lepton_edge.cli.show import print_json

if TYPE_CHECKING:
    from lepton_edge_converters.report import LayerSensitivity
    from lepton_edge_converters.sensitivity import Sensitivity


@click.command(name="sensitivity")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Samples that calibrate, as convert takes them."
)
@model_options
@click.option(
    "--ranges",
    type=click.Choice(["minmax", "percentile", "mse", "best"]),
    default="minmax",
    show_default=True,
    help="How the ranges of activations are estimated.",
)
@click.option(
    "--samples", default=32, show_default=True, type=click.IntRange(2), help="How many to measure on, at most."
)
@click.option("--calibration", default=100, show_default=True, type=click.IntRange(1), help="How many calibrate.")
@click.option(
    "--top", type=click.IntRange(1), metavar="N", help="Show the N layers that cost most  [default: all, as they run]"
)
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw a bar a layer into FILE, an SVG.")
@click.option("--custom", multiple=True, metavar="MODULE:NAME", help="As in convert. Repeatable.")
@click.option("--trust", is_flag=True, help="Let Python code inside the model file (Lambda layers) run.")
@click.option("--signature", default="", help="Which signature of a SavedModel [default: the only or default one].")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--verbose", is_flag=True, help="Show what the converter libraries print.")
def command(
    model: Path,
    data: Path,
    said: Said,
    ranges: Any,
    samples: int,
    calibration: int,
    top: int | None,
    plot: Path | None,
    custom: tuple[str, ...],
    signature: str,
    *,
    trust: bool,
    as_json: bool,
    verbose: bool,
) -> None:
    """Find the layers of the Keras model MODEL that cannot bear 8 bits.

    Each layer in turn computes in 8 bits while all others stay in float, and the error at the outputs is measured.
    Layers that stand out are marked with *; convert leaves them in float with --float-layer.

    \b
    Example:
      lepton-edge sensitivity birds.keras --data photos/ --plot birds.svg
    """
    from lepton_edge_converters.sensitivity import sensitivity  # noqa: PLC0415 - only for this command

    if custom:
        sys.path.append(str(Path.cwd()))  # last, so that nothing there hides an installed package
    with ending_cleanly(), progress_bar(shown=not verbose) as progress:
        found = sensitivity(
            model, data=data, labels=said.labels, preprocess=said.preprocess, task=said.task, ranges=ranges,
            samples=samples, calibration=calibration, custom=custom, trust=trust, signature=signature,
            verbose=verbose, progress=progress,
        )  # fmt: skip
    if plot is not None:
        found.plot(plot)
    if as_json:
        print_json(found.to_dict())
        return
    shown = found.worst_first()[:top] if top else found.layers
    click.echo("\n".join(columns(list(_rows(found, shown)))))
    click.echo()
    for warning in found.warnings:
        click.echo(sentence("note", warning))
    click.echo(sentence("flagged", _advice(found)))
    click.echo(f"{found.samples} samples, {found.seconds:.0f} s", err=True)


def _rows(found: "Sensitivity", shown: Any) -> Iterator[tuple[str, ...]]:
    yield ("one layer in 8 bits, the others in float", "operator", "SQNR", "mean squared error")
    for one in shown:
        yield _row(("* " if one.flagged else "  ") + one.layer, one)
    yield _row("  all in 8 bits", found.whole)


def _row(name: str, one: "LayerSensitivity") -> tuple[str, ...]:
    return (name, one.kind or "-", f"{one.sqnr_db:.1f} dB" if one.mse else "no error", f"{one.mse:.3g}")


def _advice(found: "Sensitivity") -> str:
    if not found.flagged:
        return "none: no layer stands out"
    named = " ".join(f"--float-layer {quote(name)}" for name in found.flagged)
    return f"{len(found.flagged)} of {len(found.layers)}; to leave them in float: {named}"
