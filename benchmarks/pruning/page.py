"""A page whose tables a script writes, between marks, and whose words people do."""

from pathlib import Path

import click

from lepton_edge_runtime.atomic import replacing

BEGIN, END = "<!-- table -->", "<!-- end -->"


def fill(page: Path, text: str, *, begin: str = BEGIN) -> None:
    """Put text between the marks of a page, in place of what is there; the rest stays.

    Raises:
        UsageError: The marks are not there.
    """
    before, mark, rest = page.read_text(encoding="utf-8").partition(begin)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise click.UsageError(f"{page} has no {begin} with {END} after it, between which the tables go")
    with replacing(page) as file:
        file.write(f"{before}{begin}\n\n{text}\n\n{END}{after}".encode())
