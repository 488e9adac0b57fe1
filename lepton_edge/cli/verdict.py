"""What a conversion came to, on standard output."""

import sys
from typing import Any

import click

from lepton_edge.cli.show import print_json, say
from lepton_edge.cli.told import Server
from lepton_edge_runtime.errors import OutputError


def print_verdict(report: Any, *, as_json: bool) -> None:
    """Print a report as a table, or as JSON."""
    if as_json:
        print_json(report.to_dict())
        return
    from lepton_edge_converters.report.table import print_report  # noqa: PLC0415 - needs rich

    print_report(report, sys.stdout)


def print_success(report: Any, *, as_json: bool) -> None:
    """Print the report of a model that was converted; for people also what was written, and how long that took."""
    print_verdict(report, as_json=as_json)
    if not as_json:
        reused = f", {report.stages}" if report.stages and report.stages.reused else ""
        wrote = f"wrote {report.output} ({report.size_bytes / 1024:,.0f} KB) and {report.file('html').name}"
        click.echo(f"{wrote} in {report.seconds:.0f} s{reused}", err=True)


def print_refusal(report: Any, server: Server, *, as_json: bool) -> None:
    """Tell what came of a refused model; that something cannot be written makes no other exit status of it."""
    try:
        server.tell(report)
    except OutputError as unwritten:
        say(f"lepton-edge: {unwritten}", err=True)
    if report.file("html").is_file():
        say(f"wrote {report.file('html')}", err=True)
    try:
        print_verdict(report, as_json=as_json)
    except BrokenPipeError:
        sys.stdout = None  # as for any other reader who has enough
