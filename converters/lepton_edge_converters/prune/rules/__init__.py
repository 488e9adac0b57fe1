"""What each kind of layer does with channels: a row a kind.

A rule answers for one thing: that the channels it follows may be taken away together, in weights and settings,
and that what goes out is then the same as if they had been zero. What it cannot follow it freezes.
"""

from collections.abc import Mapping
from typing import Any

from lepton_edge_converters.prune.rules import (
    convolutions,
    elementwise,
    joining,
    normalizing,
    operations,
    recurrent,
    shapes,
)
from lepton_edge_converters.prune.visit import Rule, kind_of

LAYERS: Mapping[str, Rule] = {
    **convolutions.RULES,
    **elementwise.RULES,
    **joining.RULES,
    **normalizing.RULES,
    **recurrent.RULES,
    **shapes.RULES,
}
"""By the class of a Keras layer."""

OPERATIONS: Mapping[str, Rule] = operations.RULES
"""By the class of a Keras operation: what ``x + y`` and ``keras.ops`` are in a graph."""


def find_rule(operation: Any) -> Rule | None:
    """Return the rule of a layer or operation of Keras; of a class of someone else's, ``None``."""
    return (LAYERS if hasattr(operation, "weights") else OPERATIONS).get(kind_of(operation))
