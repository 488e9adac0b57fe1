"""A card and what was assumed for it, as lines for people."""

from collections.abc import Iterable

import click

from lepton_edge_runtime.card import Card


def print_card(card: Card) -> None:
    """Print what a model takes and answers."""
    batch = "" if card.batch == 1 else f", batch {card.batch}"
    click.echo(f"  model    {card.name}, task {card.task}, format {card.format}{batch}")
    for one in card.inputs:
        click.echo(f"  input    {one.tensor}")
        if one.preprocess:
            click.echo(f"           {one.preprocess.describe()}")
    for output in card.outputs:
        click.echo(f"  output   {output.tensor}, {output.activation}")
    if card.labels:
        shown = ", ".join(card.labels[:5]) + (" …" if len(card.labels) > 5 else "")
        click.echo(f"  labels   {len(card.labels)}: {shown}")


def print_assumptions(assumptions: Iterable[str]) -> None:
    """Print what was assumed, a line each."""
    for assumption in assumptions:
        click.echo(f"  assumed  {assumption}")
