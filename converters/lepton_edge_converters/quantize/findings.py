"""What this room's jobs return: without TensorFlow, so that the calling process stays light."""

from dataclasses import dataclass

from lepton_edge_converters.report import LayerSensitivity


@dataclass(frozen=True, slots=True)
class Int8Export:
    """How an int8 file was made.

    Attributes:
        route: For people.
        in_float: First outputs of the operators that compute in float because their layers were named.
    """

    route: str
    in_float: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a one-in sweep found.

    Attributes:
        layers: In the order in which they run.
        whole: All of them in 8 bits at once; its name is empty.
        samples: How many it was measured on.
    """

    layers: tuple[LayerSensitivity, ...]
    whole: LayerSensitivity
    samples: int
