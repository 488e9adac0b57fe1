"""What a pruned net may cost, as a user says it."""

from collections.abc import Mapping
from math import ceil, floor, isfinite, log10

import msgspec

from lepton_edge_converters.prune.cost import CostName


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

    def __post_init__(self) -> None:
        """Refuse a budget without a bound, and bounds that are slips of units."""
        given = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}
        if not given:
            raise ValueError(f"a budget has one of {', '.join(self.__struct_fields__)} at least")
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
            told.append(f"latency_ms {self.latency_ms:g}, and the least that can be had is {_up(least['milliseconds'])} ms")
        return told


def _down(value: float) -> str:
    """Return a number of three digits that is no larger, so that asking for it succeeds."""
    unit = 10.0 ** (floor(log10(value)) - 2)
    return f"{floor(value / unit) * unit:.3g}"


def _up(value: float) -> str:
    """Return a number of three digits that is no smaller, so that asking for it succeeds."""
    unit = 10.0 ** (floor(log10(value)) - 2)
    return f"{ceil(value / unit) * unit:.3g}"
