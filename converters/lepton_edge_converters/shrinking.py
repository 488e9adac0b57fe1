"""How channels are pruned: a ``[prune]`` table of a recipe."""

from math import isfinite
from typing import Literal

import msgspec

CriterionName = Literal["taylor", "activation", "gamma", "l2", "l1"]
_BOUNDS = ("speedup", "params", "macs", "size_kb", "latency_ms")


class Pruning(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How far channels are pruned, and by what; one bound at least, and all that are set must hold.

    Attributes:
        speedup: How many times as fast as before the int8 model is at least.
        params: Share of the parameters that may be left, 0 to 1.
        macs: Share of the multiplications that may be left, 0 to 1.
        size_kb: Most that the int8 file may have, KB of 1,024 bytes.
        latency_ms: Most that a sample may take in 8 bits.
        criterion: What channels are rated by.
        rounds: In how many steps the budget is reached; each ends with a training.
        least_share: Of each group's channels, left to it, 0 to 1.
        keep: Names of layers that keep all channels that they make.
        engine: Whose times count.

    Example:
        >>> Pruning(speedup=2).criterion
        'taylor'
    """

    speedup: float | None = None
    params: float | None = None
    macs: float | None = None
    size_kb: float | None = None
    latency_ms: float | None = None
    criterion: CriterionName = "taylor"
    rounds: int = 1
    least_share: float = 0.1
    keep: tuple[str, ...] = ()
    engine: Literal["tflite", "onnx"] = "tflite"

    @property
    def bounds(self) -> dict[str, float]:
        """Return the bounds that are set."""
        return {name: value for name in _BOUNDS if (value := getattr(self, name)) is not None}

    def __post_init__(self) -> None:
        """Refuse what no model could be brought to, and slips of units."""
        bounds = self.bounds
        if not bounds:
            raise ValueError(f"prune needs a bound: one of {', '.join(_BOUNDS)}")
        for name, value in bounds.items():
            if not isfinite(value) or value <= 0:
                raise ValueError(f"{name} is a number over 0, not {value:g}")
            if name in ("params", "macs") and value >= 1:
                raise ValueError(f"{name} is the share that may be left, between 0 and 1, not {value:g}")
        if bounds.get("speedup", 2) <= 1:
            raise ValueError(f"speedup is how many times as fast, over 1, not {self.speedup:g}")
        if not 1 <= self.rounds <= 20:
            raise ValueError(f"rounds is 1 to 20, not {self.rounds}")
        if not 0 < self.least_share <= 1:
            raise ValueError(f"least_share is a share, over 0 and at most 1, not {self.least_share:g}")
