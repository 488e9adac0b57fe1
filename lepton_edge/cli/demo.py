"""``lepton-edge demo``."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lepton_edge.cli.columns import columns
from lepton_edge.cli.progress import progress_bar
from lepton_edge.cli.quiet import quiet_engines

if TYPE_CHECKING:
    from lepton_edge.demo import DemoResult


@click.command(name="demo")
@click.option(
    "-o",
    "--output",
    "folder",
    default="lepton-edge-demo",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder to work in.",
)
@click.option("--verbose", is_flag=True, help="Show what the converter libraries print.")
def command(folder: Path, *, verbose: bool) -> None:
    """Train a small digit reader, prune it, convert it to int8, and let it read a video of digits it has never seen.

    Takes two minutes or three. Needs pip install 'lepton-edge[demo]'.
    """
    from lepton_edge.demo import run_demo  # noqa: PLC0415 - only for this command

    with progress_bar(shown=not verbose) as progress, quiet_engines():
        result = run_demo(folder, progress=progress, verbose=verbose)
    from lepton_edge_converters.report.table import print_report  # noqa: PLC0415 - needs rich, which demo brings

    print_report(result.report, sys.stdout)
    click.echo("\nWith and without pruning:")
    click.echo("\n".join(columns(list(_side_by_side(result)))))
    click.echo(f"\n{result.video}: {result.right} of {result.shown} digits read right; {result.counts}")
    click.echo(f"engine: {result.choice}")
    click.echo(f"\nbundle: {result.report.output} ({result.report.size_bytes / 1024:,.0f} KB). Try:")
    click.echo(f"  lepton-edge inspect {result.report.output}")
    click.echo(f"  lepton-edge run {result.report.output} --camera {result.video}")


def _side_by_side(result: "DemoResult") -> Iterator[tuple[str, ...]]:
    yield ("", "accuracy", "TFLite file", "parameters", "a frame")
    original = result.plain.row("original")
    yield ("trained", str(original.accuracy), "-", f"{result.plain.parameters:,}", "-")
    for name, report, milliseconds in zip(
        ("8 bits", "pruned, then 8 bits"), (result.plain, result.report), result.times, strict=True
    ):
        row = report.row("TFLite int8")
        size = f"{(row.size_bytes or 0) / 1024:,.0f} KB"
        yield (name, str(row.accuracy), size, f"{report.parameters:,}", f"{milliseconds:.3f} ms")
