"""What pruning did, in plain numbers."""

from dataclasses import dataclass

from lepton_edge_converters.shrinking import CostName
from lepton_edge_converters.training.findings import Recovery


@dataclass(frozen=True, slots=True)
class Width:
    """What became of a layer that makes channels.

    Attributes:
        layer: Its name.
        before, after: How many it makes.
    """

    layer: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class GroupRow:
    """Channels that stand or fall together.

    Attributes:
        name: Of the layer that makes them; the first of several, and how many more.
        width: How many there are.
        makers, followers, takers: Layers that make them, go along with them, and read them.
        kept: Why all of them stay; empty where some may go.
    """

    name: str
    width: int
    makers: tuple[str, ...]
    followers: tuple[str, ...]
    takers: tuple[str, ...]
    kept: str


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed, and what it brought.

    Attributes:
        widths: Of all layers that make channels, in the order of the graph.
        before, after: Costs, estimated: ``milliseconds`` where the budget is of time.
        importance: Share of the importance that was kept, the last round's.
        unknown: Layers that no rule knows, which kept all that they touch, and what each is.
        recoveries: How training went, a round each; empty without.
        chosen: Widths of all groups after each round: what ``Pruning.widths`` takes.
        missed: By how much the model is slower than was asked, where it is.
    """

    widths: tuple[Width, ...]
    before: dict[CostName, float]
    after: dict[CostName, float]
    importance: float
    unknown: dict[str, str]
    recoveries: tuple[Recovery, ...]
    chosen: tuple[dict[str, int], ...] = ()
    missed: str = ""
