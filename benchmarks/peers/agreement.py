"""Whether two peers say the same: only then is one of them faster."""

from collections.abc import Sequence

from benchmarks.peers.protocol import Named

AGREES = 0.9
"""Least share of what was said that must be the same: engines round differently, and pictures are resized by others."""

_OVERLAP = 0.5
_CLEAR = 0.1  # what is no surer than this over the least score may be missing on one side


def agreement(ones: Sequence[Sequence[Named]], others: Sequence[Sequence[Named]], min_score: float) -> float:
    """Return which share of what is said of frames is the same, 0 to 1.

    Of classes: of how many frames the best one is the same. Of boxes: how many of the sure ones, of both sides, the
    other side has too, with the same label and half of the area at least.
    """
    sure = both = 0
    for one, other in zip(ones, others, strict=True):
        found = _boxes(one, other, min_score) if _has_boxes(one) or _has_boxes(other) else _best(one, other)
        both, sure = both + found[0], sure + found[1]
    return both / sure if sure else 1.0


def _has_boxes(answer: Sequence[Named]) -> bool:
    return any(one.box for one in answer)


def _best(one: Sequence[Named], other: Sequence[Named]) -> tuple[int, int]:
    if not one and not other:
        return 0, 0
    return int(bool(one and other) and one[0].label == other[0].label), 1


def _boxes(one: Sequence[Named], other: Sequence[Named], min_score: float) -> tuple[int, int]:
    pairs = _paired(one, other)
    clear = min_score + _CLEAR
    sure = [{i for i, found in enumerate(side) if found.score >= clear} for side in (one, other)]
    both = len(sure[0] & {i for i, _ in pairs}) + len(sure[1] & {j for _, j in pairs})
    return both, len(sure[0]) + len(sure[1])


def _paired(one: Sequence[Named], other: Sequence[Named]) -> list[tuple[int, int]]:
    """Return places of boxes that belong together, each in one pair at most, those that overlap most first."""
    overlaps = sorted(
        ((_overlap(a, b), i, j) for i, a in enumerate(one) for j, b in enumerate(other) if a.label == b.label),
        reverse=True,
    )
    pairs: list[tuple[int, int]] = []
    taken: tuple[set[int], set[int]] = (set(), set())
    for share, i, j in overlaps:
        if share >= _OVERLAP and i not in taken[0] and j not in taken[1]:
            pairs.append((i, j))
            taken[0].add(i)
            taken[1].add(j)
    return pairs


def _overlap(one: Named, other: Named) -> float:
    if not one.box or not other.box:
        return 0.0
    left, top = max(one.box[0], other.box[0]), max(one.box[1], other.box[1])
    right, bottom = min(one.box[2], other.box[2]), min(one.box[3], other.box[3])
    inner = max(right - left, 0.0) * max(bottom - top, 0.0)
    both = _area(one.box) + _area(other.box) - inner
    return inner / both if both > 0 else 0.0


def _area(box: tuple[float, float, float, float]) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)
