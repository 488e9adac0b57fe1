"""How far channels are pruned, and how: the ``[prune]`` table of a recipe."""

from collections.abc import Mapping
from math import ceil, floor, isfinite, log10
from typing import Literal

import msgspec

CostName = Literal["milliseconds", "parameters", "macs", "bytes"]
CriterionName = Literal["taylor", "activation", "gamma", "l2", "l1"]
BOUNDS = ("speedup", "params", "macs", "size_kb", "latency_ms")
"""Names of the bounds that a budget may have."""


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Bounds of a pruned net, one at least; all that are set must hold.

    Attributes:
        speedup: How many times as fast as before it is at least.
        params: Share of the parameters that may be left, 0 to 1.
        macs: Share of the multiplications that may be left, 0 to 1.
        size_kb: Most that the int8 file may have, KB of 1,024 bytes.
        latency_ms: Most that a sample may take.
    """

    speedup: float | None = None
    params: float | None = None
    macs: float | None = None
    size_kb: float | None = None
    latency_ms: float | None = None

    @property
    def bounds(self) -> dict[str, float]:
        """Return the bounds that are set, by name."""
        return {name: value for name in BOUNDS if (value := getattr(self, name)) is not None}

    def __post_init__(self) -> None:
        """Refuse a budget without a bound, and bounds that are slips of units."""
        given = self.bounds
        if not given:
            raise ValueError(f"a budget has one of {', '.join(BOUNDS)} at least")
        for name, value in given.items():
            if not isfinite(value) or value <= 0:
                raise ValueError(f"{name} is a number over 0, not {value:g}")
        if self.speedup is not None and self.speedup <= 1:
            raise ValueError(f"speedup is how many times as fast, over 1, not {self.speedup:g}")
        for name in ("params", "macs"):
            if given.get(name, 0) >= 1:
                raise ValueError(f"{name} is the share that may be left, between 0 and 1, not {given[name]:g}")

    def limits(self, before: Mapping[CostName, float]) -> dict[CostName, float]:
        """Return the most that each bounded cost may be.

        Args:
            before: Each cost of the net as it is; only those that are bounded are read.
        """
        limits: dict[CostName, float] = {}
        if self.params is not None:
            limits["parameters"] = self.params * before["parameters"]
        if self.macs is not None:
            limits["macs"] = self.macs * before["macs"]
        if self.size_kb is not None:
            limits["bytes"] = self.size_kb * 1024
        if self.latency_ms is not None:
            limits["milliseconds"] = self.latency_ms
        if self.speedup is not None:
            most = before["milliseconds"] / self.speedup
            limits["milliseconds"] = min(most, limits.get("milliseconds", most))
        return limits

    def shortfalls(self, before: Mapping[CostName, float], least: Mapping[CostName, float]) -> list[str]:
        """Return a sentence for each bound that does not hold even at the least cost: what can be had instead."""
        told: list[str] = []
        if self.speedup is not None and before["milliseconds"] / self.speedup < least["milliseconds"]:
            most = before["milliseconds"] / least["milliseconds"]
            told.append(f"speedup {self.speedup:g}, and the most that can be had is {_down(most)}×")
        shares: tuple[tuple[str, float | None, CostName], ...] = (
            ("params", self.params, "parameters"),
            ("macs", self.macs, "macs"),
        )
        for name, share, cost in shares:
            if share is not None and share * before[cost] < least[cost]:
                told.append(f"{name} {share:g}, and the least that can be left is {_up(least[cost] / before[cost])}")
        if self.size_kb is not None and self.size_kb * 1024 < least["bytes"]:
            told.append(f"size_kb {self.size_kb:g}, and the least that can be had is {_up(least['bytes'] / 1024)} KB")
        if self.latency_ms is not None and self.latency_ms < least["milliseconds"]:
            told.append(
                f"latency_ms {self.latency_ms:g}, and the least that can be had is {_up(least['milliseconds'])} ms"
            )
        return told


class Pruning(Budget, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How far channels are pruned, which is a budget's part, and how.

    Attributes:
        criterion: What channels are rated by.
        rounds: In how many steps the budget is reached; each ends with a training.
        least_share: Of each group's channels, left to it, 0 to 1.
        keep: Names of layers that keep all channels that they make.
        engine: Whose times count.
        widths: Of groups, what is left after each round, instead of what the bounds would choose: a lock has them.

    Example:
        >>> Pruning(speedup=2).criterion
        'taylor'
    """

    criterion: CriterionName = "taylor"
    rounds: int = 1
    least_share: float = 0.1
    keep: tuple[str, ...] = ()
    engine: Literal["tflite", "onnx"] = "tflite"
    widths: tuple[dict[str, int], ...] = ()

    @property
    def budget(self) -> Budget:
        """Return the bounds alone."""
        return Budget(**self.bounds)

    def __post_init__(self) -> None:
        """Refuse what no model could be brought to."""
        Budget.__post_init__(self)
        if not 1 <= self.rounds <= 20:
            raise ValueError(f"rounds is 1 to 20, not {self.rounds}")
        if self.widths and len(self.widths) != self.rounds:
            raise ValueError(f"widths are given for each of {self.rounds} rounds, not for {len(self.widths)}")
        if not 0 < self.least_share <= 1:
            raise ValueError(f"least_share is a share, over 0 and at most 1, not {self.least_share:g}")


def _down(value: float) -> str:
    """Return a number of three digits that is no larger, so that asking for it succeeds."""
    unit = 10.0 ** (floor(log10(value)) - 2)
    return f"{floor(value / unit) * unit:.3g}"


def _up(value: float) -> str:
    """Return a number of three digits that is no smaller, so that asking for it succeeds."""
    unit = 10.0 ** (floor(log10(value)) - 2)
    return f"{ceil(value / unit) * unit:.3g}"
