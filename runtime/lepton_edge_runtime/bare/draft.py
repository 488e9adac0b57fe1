"""What is known of a bare file while its card is made, and what was assumed so far."""

from dataclasses import dataclass, field

from lepton_edge_runtime.card import Card, OutputCard
from lepton_edge_runtime.description import Description
from lepton_edge_runtime.formats import Hints, ModelFile
from lepton_edge_runtime.heads import Head

NOTHING_GIVEN = Description()
"""Where the user says nothing."""


@dataclass(frozen=True, slots=True)
class Bare:
    """What a bare file is taken for.

    Attributes:
        card: Its outputs have open axes where only an engine can tell them.
        assumptions: What neither the file nor the user says, one sentence each, with the option that says it.
    """

    card: Card
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """The part of a card about what a model answers."""

    outputs: tuple[OutputCard, ...]
    task: str
    labels: tuple[str, ...] = ()
    head: Head | None = None
    points: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A card in the making, and what was assumed for it so far."""

    file: ModelFile
    hints: Hints
    given: Description
    assumptions: list[str] = field(default_factory=list)

    def assume(self, sentence: str) -> None:
        """Remember an assumption, once."""
        if sentence not in self.assumptions:
            self.assumptions.append(sentence)
