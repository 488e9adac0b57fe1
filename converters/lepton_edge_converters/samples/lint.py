"""What samples show of themselves that makes them bad judges or bad calibration, before any model sees them."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.samples import StoredSamples
from lepton_edge_runtime.preprocess import Preprocess

# A sample of its own lies beyond the least or largest of n others with chance 2 / (n + 1): one in ten at 19.
CALIBRATING_MIN = 20
# Wilson's interval for n hits of n samples ends above 90 % from 35 on: fewer prove not even that.
JUDGED_MIN = 35
_LOOKED_AT = 1000  # pictures whose pixels are looked at, spread over all of them
_ODD_SHARE = 0.05  # a black picture now and then is part of life
_DARK_LEVEL = 16  # 99 of 100 values of a dark picture lie below this grey level
_FLAT_LEVELS = 2.0  # standard deviation, in grey levels, that even fog and snow have
_NARROW_LEVELS = 128  # of 256: half the range
_SLACK_LEVELS = 0.5  # of a grey level, for numbers that were computed


@dataclass(frozen=True, slots=True)
class Finding:
    """Something odd about the samples: a stable code (docs/gates.md), and a sentence with value and remedy."""

    code: str
    text: str


NO_SAMPLES = Finding(
    "NO_SAMPLES",
    "synthetic samples judged, and they look like nothing the device will see: give some that do (--data)",
)


@dataclass(frozen=True, slots=True)
class _Levels:
    """Grey levels of one part's pictures, 0 to 255 for what the declared range holds.

    Attributes:
        low, high: Least and largest.
        dark, flat: How many pictures are nearly black, nearly of one colour.
        count: How many were looked at.
    """

    low: float
    high: float
    dark: int
    flat: int
    count: int


def lint_samples(
    calibration: StoredSamples | None, judged: StoredSamples, preprocess: tuple[Preprocess | None, ...]
) -> list[Finding]:
    """Return what is odd about the samples that calibrate and those that judge.

    Args:
        calibration: ``None`` for schemes that need none.
        judged: The held-out ones.
        preprocess: One an input, completed; ``None`` where it takes no pictures.
    """
    parts = {"judging": judged} if calibration is None else {"calibrating": calibration, "judging": judged}
    findings = [*_few(parts), *_classes(parts), *_repeated(parts)]
    several = sum(one is not None for one in preprocess) > 1
    for i, one in enumerate(preprocess):
        if one is not None:
            levels = {name: _levels(samples.array(i), one) for name, samples in parts.items()}
            where = f"input {i + 1}: " if several else ""
            findings += [Finding(found.code, where + found.text) for found in _pictures(levels)]
    return findings


def _few(parts: dict[str, StoredSamples]) -> Iterator[Finding]:
    calibrating, judging = len(parts.get("calibrating", ())), len(parts["judging"])
    if "calibrating" in parts and calibrating < CALIBRATING_MIN:
        yield Finding(
            "FEW_CALIBRATING",
            f"{calibrating} samples calibrate: one new sample in ten, or more, lies beyond all that so few have shown; "
            f"give {CALIBRATING_MIN} or more, better a hundred (--data, --calibration)",
        )
    if judging < JUDGED_MIN:
        yield Finding(
            "FEW_JUDGED",
            f"{judging} samples judge: even if all were decided alike, that would not prove nine in ten; "
            f"give {JUDGED_MIN} or more, better hundreds (--data, --holdout)",
        )


def _classes(parts: dict[str, StoredSamples]) -> Iterator[Finding]:
    for name, samples in parts.items():
        if samples.targets is not None and len(samples) > 1 and len(np.unique(samples.targets)) == 1:
            yield Finding(
                "ONE_CLASS",
                f"all {len(samples)} {name} samples are of class {samples.targets[0]}: what becomes of the others is "
                "not seen; give samples of each class",
            )


def _repeated(parts: dict[str, StoredSamples]) -> Iterator[Finding]:
    digests = {name: _digests(samples) for name, samples in parts.items()}
    for name, found in digests.items():
        again = len(found) - len(set(found))
        if again:
            most = Counter(found).most_common(1)[0][1]
            yield Finding(
                "DUPLICATES",
                f"{again} of {len(found)} {name} samples are exact duplicates of others of them, one is there {most} "
                "times: they count as evidence and are none; take them out",
            )
    shared = set(digests["judging"]) & set(digests.get("calibrating", ()))
    if shared:
        judging = sum(one in shared for one in digests["judging"])
        yield Finding(
            "SHARED_SAMPLES",
            f"{judging} of {len(digests['judging'])} judging samples calibrate too, as exact duplicates: they judge "
            "what was fitted to them; take the duplicates out",
        )


def _digests(samples: StoredSamples) -> list[bytes]:
    arrays = [samples.array(i) for i in range(len(samples.paths))]
    return [
        hashlib.blake2b(b"".join(np.ascontiguousarray(array[k]).tobytes() for array in arrays)).digest()
        for k in range(len(samples))
    ]


def _levels(array: NDArray[Any], preprocess: Preprocess) -> _Levels:
    """Return the grey levels of pictures, n × height × width × channels: bytes, or numbers that bytes become."""
    table = preprocess.levels()
    low, high, dark, flat = np.inf, -np.inf, 0, 0
    chosen = spread_over(len(array), _LOOKED_AT)
    for k in chosen:
        picture = np.asarray(array[k], np.float64)
        if array.dtype != np.uint8:
            picture = 255 * (picture - table[0]) / (table[255] - table[0])
        low, high = min(low, float(picture.min())), max(high, float(picture.max()))
        dark += bool(np.percentile(picture, 99) < _DARK_LEVEL)
        flat += bool(picture.std(axis=tuple(range(picture.ndim - 1))).max() < _FLAT_LEVELS)
    return _Levels(low, high, dark, flat, len(chosen))


def spread_over(count: int, most: int) -> NDArray[np.int64]:
    """Return up to ``most`` indices below ``count``, ascending, evenly spread: neighbours are often alike."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def _pictures(parts: dict[str, _Levels]) -> Iterator[Finding]:
    for name, found in parts.items():
        if found.dark > _ODD_SHARE * found.count:
            yield Finding(
                "DARK_PICTURES",
                f"{found.dark} of {found.count} {name} pictures are nearly black (99 of 100 values below {_DARK_LEVEL} "
                "of 255): give pictures like those that the device will see",
            )
        elif found.flat > _ODD_SHARE * found.count:
            yield Finding(
                "FLAT_PICTURES",
                f"{found.flat} of {found.count} {name} pictures are nearly of one colour (they vary by less than "
                f"{_FLAT_LEVELS:g} of 255): give pictures like those that the device will see",
            )
    yield from _range(min(one.low for one in parts.values()), max(one.high for one in parts.values()))


def _range(low: float, high: float) -> Iterator[Finding]:
    """Say where all pictures together leave their range, use little of it, or never come to its ends."""
    if low < -_SLACK_LEVELS or high > 255 + _SLACK_LEVELS:
        yield Finding(
            "VALUES_OUTSIDE",
            f"the samples go from {low:.1f} to {high:.1f} where 0 to 255 is the range that was declared: a device "
            "feeds no such numbers; say the range they have (--range)",
        )
    elif high - low < _NARROW_LEVELS:
        yield Finding(
            "VALUES_NARROW",
            f"all pictures lie between grey levels {low:.1f} and {high:.1f} of 0 to 255: were they scaled, or is it "
            "another range (--range)? Give uint8 pictures of full contrast",
        )
    elif low > _SLACK_LEVELS or high < 255 - _SLACK_LEVELS:
        yield Finding(
            "NEVER_EXTREME",
            f"no picture holds both ends of its range (they go from {low:.1f} to {high:.1f} of 0 to 255): cameras do; "
            "give some that do, glare and shadow",
        )
