"""Whether a bound holds, whether these samples prove it, and how many would."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounded:
    """Something that shall be at most so much.

    Attributes:
        value: What was found.
        high: Upper end of its 95 % interval; not a number where it has none.
        bound: Most that it may be.
        needed: How many samples would prove it; ``None`` if no number would.
        samples: How many there were.
    """

    value: float
    high: float
    bound: float
    needed: int | None
    samples: int


def judge_bound(bounded: Bounded, *, strict: bool) -> tuple[bool, str]:
    """Return whether the bound holds, and words to add where it holds and is not proven.

    What holds passes; with ``strict`` only what is proven, the whole interval being within the bound.
    """
    if not bounded.value <= bounded.bound:
        return False, ""
    if bounded.high <= bounded.bound:
        return True, ""
    if bounded.value == bounded.bound:
        remedy = "no number would, since this is the bound itself"
    elif bounded.needed is None:
        remedy = "the interval cannot be told from these"
    else:
        more = max(bounded.needed, bounded.samples + 1)
        remedy = f"{_rounded(more):,} would if they fare like these {bounded.samples:,}"
    return not strict, f"; too few samples to prove it{' (strict)' if strict else ''}: {remedy}"


def _rounded(count: int) -> int:
    """Return the number with two digits, rounded up: it is an estimate."""
    unit = int("1".ljust(len(str(count)) - 1, "0"))
    return -(-count // unit) * unit
