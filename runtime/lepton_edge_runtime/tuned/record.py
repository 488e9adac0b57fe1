"""The record of what ``tune`` measured and chose, and what it holds for."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from lepton_edge_runtime.timing import NOISY

FORMAT_VERSION = 1
_SHOWN_MAX = 60

Threads = Annotated[int, msgspec.Meta(ge=1, le=1024)]
Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a choice holds for; anything else here, and it is stale.

    Attributes:
        model_sha256: Of the bundle or model file, in hexadecimal.
        processor: Its name.
        features: Those that engines choose their kernels by, sorted.
        cores: That the process may use.
        engines: Version of each installed engine, by backend.
        lepton_edge: Our version.
    """

    model_sha256: str
    processor: str
    features: tuple[str, ...]
    cores: Threads
    engines: dict[str, str]
    lepton_edge: str


class Timed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How fast one setting ran the model: percentiles over ``runs`` interleaved calls of the engine."""

    backend: str
    threads: Threads
    minimum_ms: Milliseconds
    median_ms: Milliseconds
    p90_ms: Milliseconds
    p99_ms: Milliseconds
    runs: Annotated[int, msgspec.Meta(ge=1)]

    @property
    def setting(self) -> str:
        """Backend and threads, for people."""
        return f"{self.backend}, {self.threads} thread{'s' if self.threads > 1 else ''}"


class Refused(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A setting that was not timed, and why."""

    backend: str
    threads: Threads
    reason: str


class Tuning(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was timed on a machine, and what was chosen.

    Attributes:
        format: Version of this format.
        key: What it holds for.
        backend, threads: The choice, which is one of ``timed``.
        reason: Why, one sentence.
        timed: Every setting that passed the golden samples, in the order of timing.
        refused: Those that did not, or were left out.
    """

    format: int = FORMAT_VERSION
    key: Key
    backend: str
    threads: Threads
    reason: str
    timed: Annotated[tuple[Timed, ...], msgspec.Meta(min_length=1, max_length=256)]
    refused: Annotated[tuple[Refused, ...], msgspec.Meta(max_length=256)] = ()

    @property
    def chosen(self) -> Timed | None:
        """The measurement of the choice; ``None`` in an entry that was tampered with."""
        return next((one for one in self.timed if (one.backend, one.threads) == (self.backend, self.threads)), None)

    @property
    def noisy(self) -> bool:
        """Whether something else was running, and disturbed what decided: a p90 far from its median."""
        return any(one.p90_ms > NOISY * one.median_ms for one in (self.chosen, self.fastest) if one)

    @property
    def fastest(self) -> Timed:
        """The setting with the lowest median."""
        return min(self.timed, key=lambda one: one.median_ms)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints, which is what is stored."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


def why(tuning: Tuning) -> str:
    """Return the reason made anew from the numbers: the stored sentence may hold anything."""
    count, fastest = len(tuning.timed), tuning.fastest
    rank = (
        f"fastest of {count}"
        if (fastest.backend, fastest.threads) == (tuning.backend, tuning.threads)
        else f"as fast as the fastest of {count}, with fewer threads,"
    )
    chosen = tuning.chosen or fastest
    return f"{rank} timed by tune on this machine, {chosen.median_ms:.3g} ms"


def difference(stored: Key, now: Key) -> str:
    """Return the first thing that is not as it was, or nothing."""
    if stored.model_sha256 != now.model_sha256:
        return "made for another model file"
    for what, then, here in (
        ("Lepton Edge", stored.lepton_edge, now.lepton_edge),
        ("the processor", stored.processor, now.processor),
        ("the processor's features", " ".join(stored.features), " ".join(now.features)),
        ("the number of cores", str(stored.cores), str(now.cores)),
        ("the engines", _listed(stored.engines), _listed(now.engines)),
    ):
        if then != here:
            return f"{what}, {then[:_SHOWN_MAX]!r} then, {here[:_SHOWN_MAX]!r} now"
    return ""


def _listed(engines: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(engines.items()))
