"""What a net costs at given widths: a sum over its layers, each of which sees two widths."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import get_args

from lepton_edge_converters.latency import LatencyTable, Operator
from lepton_edge_converters.prune.candidate import Span
from lepton_edge_converters.shrinking import CostName

COSTS: tuple[CostName, ...] = get_args(CostName)


@dataclass(frozen=True, slots=True)
class Term:
    """A layer's share of a cost.

    Attributes:
        inputs, outputs: The channels it reads and makes.
        cost: Of these two widths.
    """

    inputs: Span
    outputs: Span
    cost: Callable[[int, int], float]


@dataclass(frozen=True, slots=True)
class Cost:
    """A cost of a whole net.

    Attributes:
        terms: Of its layers.
        constant: What no width changes.
    """

    terms: tuple[Term, ...]
    constant: float = 0.0

    def __call__(self, widths: Mapping[str, int]) -> float:
        """Return the cost at these widths of all groups."""
        return self.constant + sum(
            term.cost(term.inputs.width(widths), term.outputs.width(widths)) for term in self.terms
        )

    def with_total(self, total: float, widths: Mapping[str, int]) -> "Cost":
        """Return the cost with a constant that makes it ``total`` at these widths: what was measured of the whole."""
        return replace(self, constant=self.constant + total - self(widths))

    def scaled_to(self, total: float, widths: Mapping[str, int]) -> "Cost":
        """Return the cost times a factor that makes it ``total`` at these widths."""
        factor = total / self(widths)
        terms = (replace(term, cost=_times(term.cost, factor)) for term in self.terms)
        return Cost(tuple(terms), self.constant * factor)


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer whose cost depends on widths.

    Attributes:
        operator: What it computes, at its own widths.
        inputs, outputs: The channels it reads and makes.
    """

    operator: Operator
    inputs: Span
    outputs: Span


def costs_of(layers: Iterable[Layer], table: LatencyTable | None = None) -> dict[CostName, Cost]:
    """Return the costs of a net; ``milliseconds`` with a table only.

    ``bytes`` are of int8 weights with their biases and scales: what else is in a file is for ``Cost.with_total``.
    """
    found = list(layers)

    def total(of: Callable[[Operator], float]) -> Cost:
        return Cost(tuple(Term(layer.inputs, layer.outputs, _at(layer.operator, of)) for layer in found))

    costs: dict[CostName, Cost] = {
        "parameters": total(lambda operator: operator.parameters),
        "macs": total(lambda operator: operator.macs),
        "bytes": total(lambda operator: operator.stored_bytes),
    }
    return {"milliseconds": total(table.milliseconds), **costs} if table else costs


def _at(operator: Operator, of: Callable[[Operator], float]) -> Callable[[int, int], float]:
    return lambda channels_in, channels_out: of(operator.with_widths(channels_in, channels_out))


def _times(cost: Callable[[int, int], float], factor: float) -> Callable[[int, int], float]:
    return lambda channels_in, channels_out: factor * cost(channels_in, channels_out)
