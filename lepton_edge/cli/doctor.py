"""``lepton-edge doctor``."""

from itertools import groupby

import click

from lepton_edge.cli import EXIT_REFUSED
from lepton_edge.cli.columns import sentence
from lepton_edge.cli.show import print_json, say
from lepton_edge_runtime.diagnosis import doctor
from lepton_edge_runtime.diagnosis.finding import Diagnosis


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(*, as_json: bool) -> int:
    """Say what is installed, what is missing or broken on this machine, and the command that mends it.

    Changes nothing. Exit status 0 if there is no problem, notes or not; 3 if there is one.

    \b
    Example:
      lepton-edge doctor
    """
    found = doctor()
    if as_json:
        print_json(found.to_dict())
    else:
        _print(found)
    return 0 if found.healthy else EXIT_REFUSED


def _print(found: Diagnosis) -> None:
    for topic, findings in groupby(found.findings, key=lambda one: one.topic):
        say(topic)
        for one in findings:
            click.echo(sentence(f"  {one.state}", f"{one.what}: {one.detail}", indent=11))
            if one.mend:
                click.echo(sentence("", f"→ {one.mend}", indent=11))
    notes = sum(one.state == "note" for one in found.findings)
    problems = len(found.problems)
    say()
    say(f"{problems} problem{'s' * (problems != 1)}, {notes} note{'s' * (notes != 1)}")
