"""``lepton-edge inspect``."""

from pathlib import Path

import click

from lepton_edge.cli.options import Said, file_options
from lepton_edge.cli.show import print_assumptions, print_card, print_json, say
from lepton_edge_runtime.formats import ModelFile
from lepton_edge_runtime.inspection import Inspection, inspect


@click.command(name="inspect")
@click.argument("file", type=click.Path(path_type=Path))
@file_options
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(
    file: Path,
    said: Said,
    *,
    as_json: bool,
) -> None:
    """Show what FILE, a bundle, .tflite or .onnx, holds: inputs, outputs, quantization, operators, card.

    Of a file without our card: what it is taken for, and what is assumed; --labels to --task say more.

    \b
    Examples:
      lepton-edge inspect birds.lepton
      lepton-edge inspect mobilenet.tflite --labels imagenet.txt
    """
    found = inspect(file, description=said.description)
    if as_json:
        print_json(found.to_dict())
        return
    say(f"{found.path}  {found.size_bytes:,} bytes")
    if found.card is not None:
        print_card(found.card)
    print_assumptions(found.assumptions)
    if found.obstacle:
        say(f"  refused  {found.obstacle}")
    if found.manifest is not None:
        _print_manifest(found)
    for name, model in found.files.items():
        _print_model(name, model, found.sizes[name], with_ends=found.card is None)
    for name, reason in found.not_read.items():
        say(f"  {name}  {found.sizes[name]:,} bytes, not read: {reason}")


def _print_manifest(found: Inspection) -> None:
    assert found.manifest is not None  # noqa: S101 - the caller looked
    origin = found.manifest.provenance
    say(f"  source   {origin.source}, SHA-256 {origin.source_sha256[:16]}…")
    for name in origin.route.keys() - found.manifest.measured.keys():
        say(f"  {name}: {origin.route[name]}")
    for name, measured in found.manifest.measured.items():
        accuracy = (
            f"accuracy {measured.accuracy:.1%} (original {measured.float_accuracy:.1%}), "
            if measured.accuracy is not None and measured.float_accuracy is not None
            else ""
        )
        agreement = f"agreement {measured.agreement:.1%}, " if measured.agreement is not None else ""
        say(f"  {name}: {accuracy}{agreement}on {measured.samples} samples; {origin.route.get(name, '')}")
    say(f"  made by  {', '.join(f'{name} {version}' for name, version in origin.versions.items())}")


def _print_model(name: str, model: ModelFile, size: int, *, with_ends: bool) -> None:
    if model.card is None and str(model.hints or ""):
        say(f"  says     {model.hints}")
    macs = f", {model.macs / 1e6:,.1f} M multiply-accumulates" if model.macs else ""
    say(f"  {name}  {size:,} bytes, {len(model.operators)} operators{macs}")
    if with_ends:
        for kind, specs in (("input", model.inputs), ("output", model.outputs)):
            for spec in specs:
                say(f"  {kind:8} {spec}")
    say("           " + ", ".join(f"{kind} {count}" for kind, count in model.counts().items()))
