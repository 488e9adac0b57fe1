"""The tables: a net and seed each, with intervals; of nets with several seeds, the means; and what comes out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from benchmarks.pruning.files import FILES, Times
from benchmarks.pruning.steps import Made
from benchmarks.pruning.versions import VERSIONS
from benchmarks.table import Cell, Table
from lepton_edge_converters.gates.statistics import paired_drop, share
from lepton_edge_converters.report.numbers import Drop, Ratio, Share

FASTER, POINTS = 2.0, 1.0
"""What is to be shown: at least so many times as fast as plain int8, at most so many points lost."""

_COLUMNS = (
    "version", "accuracy, %", "points lost", "KB", "gzip KB", "M MACs",
    "LiteRT ms", "LiteRT, × as fast", "ORT ms", "ORT, × as fast",
)  # fmt: skip
_MEANS = ("version", "accuracy, %", "points lost", "LiteRT, × as fast", "ORT, × as fast")


@dataclass(frozen=True, slots=True)
class Found:
    """All that is known of a net begun with one seed.

    Attributes:
        net, seed: Which.
        made: By version, those that are there or were refused.
        times: Of those that are there.
        truth: The test images' classes.
    """

    net: str
    seed: int
    made: Mapping[str, Made]
    times: Times
    truth: NDArray[np.uint8]

    def hits(self, version: str, engine: str = "tflite") -> NDArray[np.bool_]:
        """Return which test images a version has right."""
        return np.frombuffer(self.made[version].answers[engine].encode(), np.uint8) - ord("0") == self.truth

    def accuracy(self, version: str) -> Share:
        """Return the share that a version has right."""
        return share(self.hits(version))

    def drop(self, version: str) -> Drop:
        """Return what a version loses against the float one."""
        return paired_drop(self.hits("float32"), self.hits(version))

    def speedup(self, version: str, engine: str = "tflite") -> Ratio | None:
        """Return how many times as fast as plain int8 a version is."""
        return self.times.timed[version][engine].speedup

    @property
    def there(self) -> list[str]:
        """Return the versions that were made, in the order of the table."""
        return [name for name in VERSIONS if name in self.times.timed]


def net_table(found: Found) -> Table:
    """Return the table of a net begun with one seed."""
    rows = []
    for version in VERSIONS:
        made = found.made.get(version)
        if made is None:
            continue
        rows.append(_row(found, version, made) if not made.refused else _refused(version))
    title = f"{found.net}, seed {found.seed}"
    return Table(title, _COLUMNS, tuple(rows), tuple(_notes(found)))


def seeds_table(several: Sequence[Found]) -> Table:
    """Return the means over seeds, and each seed's number; of the versions that all of them have."""
    shared = [version for version in several[0].there if all(version in one.there for one in several)]
    rows = tuple((VERSIONS[version].title, *_means(several, version)) for version in shared)
    return Table(f"{several[0].net}, {len(several)} seeds: mean (each)", _MEANS, rows)


def verdict(several: Sequence[Found]) -> tuple[bool, str]:
    """Return whether ours is as fast and as good as it is to be, in the mean over seeds, and a sentence with why."""
    told, holds = [], False
    for version in (name for name, one in VERSIONS.items() if one.ours):
        held, why = _judged([one for one in several if version in one.made], version)
        holds |= held
        told.append(f"{VERSIONS[version].title}: {why}")
    return holds, f"{several[0].net}: {'holds' if holds else 'does not hold'}. {'; '.join(told)}."


def _judged(several: Sequence[Found], version: str) -> tuple[bool, str]:
    refused = [one.made[version].refused for one in several if one.made[version].refused]
    if not several or refused:
        return False, f"not made ({refused[0]})" if refused else "not made yet"
    ratios = [ratio for one in several if (ratio := one.speedup(version))]
    if len(ratios) < len(several) or not all("float32" in one.there for one in several):
        return False, "without plain int8 or float beside it"
    drops = [one.drop(version) for one in several]
    speedup, points = mean(one.value for one in ratios), mean(one.points for one in drops)
    missed = [*(["too slow"] if speedup < FASTER else []), *(["too much lost"] if points > POINTS else [])]
    return not missed, f"{_numbers(ratios, drops)}{_why(several, version, missed) if missed else ''}"


def _numbers(ratios: Sequence[Ratio], drops: Sequence[Drop]) -> str:
    if len(ratios) == 1:
        ratio, drop = ratios[0], drops[0]
        return f"{ratio} times as fast as plain int8 (LiteRT) at {_lost(drop)} points lost"
    faster, lost = [one.value for one in ratios], [one.points for one in drops]
    return (
        f"{_each(faster, '.2f')} times as fast as plain int8 (LiteRT) at {_each(lost, '+.2f')} points lost, "
        "mean (each seed)"
    )


def _why(several: Sequence[Found], version: str, missed: Sequence[str]) -> str:
    """Return what a bound was missed with, of the first seed."""
    first = several[0]
    pruned, plain = first.made[version], first.made["int8"]
    macs = f"{pruned.macs / plain.macs:.0%} of the MACs, " if pruned.macs and plain.macs else ""
    kept = f", {pruned.importance:.0%} of the importance" if pruned.importance is not None else ""
    trained = ", ".join(f"epoch {best} of {ran}" for best, ran in pruned.epochs)
    return (
        f", {' and '.join(missed)} with {macs}{pruned.parameters / plain.parameters:.0%} of the parameters{kept} left; "
        f"the best of each training was {trained}"
    )


def _row(found: Found, version: str, made: Made) -> tuple[Cell, ...]:
    timed = found.times.timed[version]
    lost = _lost(found.drop(version)) if version != "float32" and "float32" in found.there else None
    accuracy = found.accuracy(version)
    return (
        VERSIONS[version].title,
        f"{100 * accuracy.value:.2f} [{100 * accuracy.low:.2f}, {100 * accuracy.high:.2f}]",
        lost,
        made.size_bytes["tflite"] / 1024,
        made.gzip_bytes["tflite"] / 1024,
        None if made.macs is None else made.macs / 1e6,
        *_timed(timed["tflite"].latency.median_ms, timed["tflite"].speedup),
        *_timed(timed["onnx"].latency.median_ms, timed["onnx"].speedup),
    )


def _timed(milliseconds: float, speedup: Ratio | None) -> tuple[Cell, Cell]:
    return f"{milliseconds:.4f}", None if speedup is None else str(speedup)


def _refused(version: str) -> tuple[Cell, ...]:
    return (VERSIONS[version].title, "not made", *[None] * (len(_COLUMNS) - 2))


def _notes(found: Found) -> Iterator[str]:
    rounds = {one.latency.runs for timed in found.times.timed.values() for one in timed.values()}
    yield (
        f"{len(found.truth)} test images judge, by the TFLite files; KB of those, of 1,024 bytes. 95 % intervals: "
        "Wilson's of accuracy, paired of the points lost against float."
    )
    yield (
        f"One interleaved run of all files, {max(rounds, default=0)} rounds, one thread, {found.times.machine}, "
        f"{', '.join(found.times.engines.values())}. × as fast: as plain int8 on the same engine."
    )
    apart = [float(np.mean(found.hits(one, "onnx")) - np.mean(found.hits(one))) for one in found.there]
    yield f"ORT's accuracy is {100 * max(map(abs, apart), default=0.0):.2f} points from LiteRT's at most."
    for version, made in found.made.items():
        if made.refused:
            yield f"{VERSIONS[version].title}: not made, {made.refused}."


def _means(several: Sequence[Found], version: str) -> Iterator[Cell]:
    yield _each([100 * one.accuracy(version).value for one in several], ".2f")
    yield _each([one.drop(version).points for one in several], "+.2f") if version != "float32" else None
    for engine in FILES:
        ratios = [ratio.value for one in several if (ratio := one.speedup(version, engine))]
        yield _each(ratios, ".2f") if ratios else None


def _each(values: Sequence[float], digits: str) -> str:
    return f"{mean(values):{digits}} ({', '.join(f'{value:{digits}}' for value in values)})"


def _lost(drop: Drop) -> str:
    return f"{drop.points:+.2f} [{drop.low:+.2f}, {drop.high:+.2f}]"
