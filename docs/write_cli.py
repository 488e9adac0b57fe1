"""Write docs/cli.md from the commands' own help; ``--print`` prints it instead."""

import sys
from pathlib import Path

import click

from lepton_edge.cli import COMMANDS, group

HEADER = """# The command line

Results go to standard output, everything else to standard error. Exit status: 0 done, 1 an error in one line,
2 wrong usage, 3 a gate refused the model, a bundle is not what its lock says, or verify or doctor found a fault.
Written by `make docs` from the commands' own help; a test compares.
"""


def page() -> str:
    """Return the whole page."""
    sections = [HEADER, _section("lepton-edge", group)]
    context = click.Context(group, info_name="lepton-edge")
    for name in COMMANDS:
        command = group.get_command(context, name)
        if command is not None:
            sections.append(_section(f"lepton-edge {name}", command))
    return "\n".join(sections)


def _section(title: str, command: click.Command) -> str:
    context = click.Context(command, info_name=title, terminal_width=100, max_content_width=100)
    return f"## {title}\n\n```text\n{command.get_help(context)}\n```\n"


if __name__ == "__main__":
    if "--print" in sys.argv:
        sys.stdout.write(page())
    else:
        Path(__file__).with_name("cli.md").write_text(page(), encoding="utf-8")
