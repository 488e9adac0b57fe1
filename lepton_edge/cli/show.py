"""Lines for people: what files of others say must not steer the terminal, nor forge another line."""

import json
from collections.abc import Iterable
from typing import Any

import click

from lepton_edge_runtime.card import Card
from lepton_edge_runtime.text import printable
from lepton_edge_runtime.wire import finite


def say(line: str = "", *, err: bool = False) -> None:
    """Print one line; control characters and ends of lines in it are written as escapes."""
    click.echo(printable(line), err=err)


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Print plain values as JSON; numbers that JSON has no word for, NaN and the infinities, as null."""
    try:
        text = json.dumps(value, indent=indent, allow_nan=False)
    except ValueError:
        text = json.dumps(finite(value), indent=indent, allow_nan=False)
    click.echo(text)


def print_card(card: Card) -> None:
    """Print what a model takes and answers."""
    batch = "" if card.batch == 1 else f", batch {card.batch}"
    say(f"  model    {card.name}, task {card.task}, format {card.format}{batch}")
    for one in card.inputs:
        say(f"  input    {one.tensor}")
        if one.preprocess:
            say(f"           {one.preprocess.describe()}")
        if one.clip:
            say(f"           {one.clip.describe()}")
        if one.tokenize:
            say(f"           text: {one.tokenize.describe()}")
    for output in card.outputs:
        say(f"  output   {output.tensor}, {output.activation}")
    if card.labels:
        shown = ", ".join(card.labels[:5]) + (" …" if len(card.labels) > 5 else "")
        say(f"  labels   {len(card.labels)}: {shown}")


def print_assumptions(assumptions: Iterable[str]) -> None:
    """Print what was assumed, a line each."""
    for assumption in assumptions:
        say(f"  assumed  {assumption}")
