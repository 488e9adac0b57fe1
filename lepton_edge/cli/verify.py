"""``lepton-edge verify``."""

from dataclasses import asdict
from pathlib import Path

import click

from lepton_edge.cli import EXIT_ERROR, EXIT_REFUSED
from lepton_edge.cli.options import Said, file_options
from lepton_edge.cli.show import print_json, say
from lepton_edge_runtime.verification import READINGS, verify


@click.command(name="verify")
@click.argument("file", type=click.Path(path_type=Path))
@file_options
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads of each engine.")
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
def command(file: Path, said: Said, threads: int, *, as_json: bool) -> int:
    """Check the hashes of FILE, a bundle, and that every installed engine answers its golden samples as it should.

    Of a .tflite or .onnx: that it can be served, and that its engine runs it. Engines run in a process of their
    own, so a file that crashes one is reported, not suffered. Exit status 3 if a member is not what the manifest
    says, or an engine fails, or answers otherwise than recorded; 1 if FILE cannot be read or served, or no engine
    has answered, so that nothing is proved.

    \b
    Example:
      lepton-edge verify birds.lepton
    """
    checks = verify(
        file,
        threads=threads,
        description=said.description,
    )
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        for check in checks:
            say(f"{check.outcome:8} {check.what}: {check.detail}")
    if any(check.outcome == "failed" for check in checks):
        return EXIT_REFUSED
    if all(check.outcome == "skipped" for check in checks if check.what not in READINGS):
        say("lepton-edge: no engine has answered, so nothing is proved of the model", err=True)
        return EXIT_ERROR
    return 0
