"""What model files say of themselves, read without running them."""

from dataclasses import dataclass

from lepton_edge_runtime.tensors import TensorSpec

CARD_KEY = "lepton_edge_card"
"""Name of the card in TFLite Metadata and in ONNX ``metadata_props``."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One step of a graph.

    Attributes:
        kind: The format's own name, such as ``CONV_2D`` or ``Conv``; ``custom`` ones by their own code.
        custom: Whether a plain engine has no kernel for it (custom and Flex operators).
        dtypes: Types of the tensors that it computes on, without shapes, indices and biases.
        macs: Multiply-accumulates of one run, 0 where it has none.
        output: Name of its first output.
    """

    kind: str
    custom: bool = False
    dtypes: frozenset[str] = frozenset()
    macs: int = 0
    output: str = ""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """What one model file says of itself: its operators, its ends, and our card if it carries one."""

    operators: tuple[Operator, ...]
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    card: bytes | None = None

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one run, where the format tells them."""
        return sum(operator.macs for operator in self.operators)

    def counts(self) -> dict[str, int]:
        """Return how many operators of each kind there are, the most frequent first."""
        counts: dict[str, int] = {}
        for operator in self.operators:
            counts[operator.kind] = counts.get(operator.kind, 0) + 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
