"""``lepton-edge verify``."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from lepton_edge.cli import EXIT_ERROR, EXIT_REFUSED
from lepton_edge.cli.quiet import quiet_engines
from lepton_edge_runtime.verification import HASHES, verify


@click.command(name="verify")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads of each engine.")
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
def command(bundle: Path, threads: int, *, as_json: bool) -> int:
    """Check the hashes of BUNDLE, and that every installed engine answers its golden samples as it should.

    Exit status 3 if a member is not what the manifest says, or an engine answers otherwise than the converter
    saw; 1 if BUNDLE is no bundle, or no engine has answered, so that nothing is proved.

    \b
    Example:
      lepton-edge verify birds.lepton
    """
    with quiet_engines():
        checks = verify(bundle, threads=threads)
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        for check in checks:
            click.echo(f"{check.outcome:8} {check.what}: {check.detail}")
    if any(check.outcome == "failed" for check in checks):
        return EXIT_REFUSED
    if all(check.outcome == "skipped" for check in checks if check.what != HASHES):
        click.echo(
            "lepton-edge: no engine has answered the golden samples, so nothing is proved of the model", err=True
        )
        return EXIT_ERROR
    return 0
