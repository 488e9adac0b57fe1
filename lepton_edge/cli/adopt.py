"""``lepton-edge adopt``."""

from pathlib import Path

import click

from lepton_edge.cli.options import Said, file_options
from lepton_edge.cli.show import print_assumptions, print_card, print_json, say
from lepton_edge_runtime.adoption import adopt


@click.command(name="adopt")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The bundle to write, NAME.lepton."
)
@file_options
@click.option("--force", is_flag=True, help="Replace an existing bundle.")
@click.option("--json", "as_json", is_flag=True, help="Print what was adopted as JSON.")
def command(
    file: Path,
    output: Path,
    said: Said,
    *,
    force: bool,
    as_json: bool,
) -> None:
    """Make a bundle of FILE, a .tflite or .onnx of others; its bytes go in unchanged.

    The file is loaded and run in a process of its own. Its answers to synthetic samples become the bundle's golden
    samples; no accuracy is claimed. What neither the file nor the options say is assumed, and said.

    \b
    Example:
      lepton-edge adopt mobilenet.tflite -o mobilenet.lepton --labels imagenet.txt
    """
    done = adopt(
        file,
        output,
        description=said.description,
        force=force,
    )
    if as_json:
        print_json(done.to_dict())
        return
    print_card(done.card)
    print_assumptions(done.assumptions)
    say(f"wrote {done.output} ({done.size_bytes / 1024:,.0f} KB), golden samples by {done.engine}", err=True)
