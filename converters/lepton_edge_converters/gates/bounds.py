"""What a user may ask for: bounds on accuracy and metrics, and, with ``strict``, proof and samples beyond doubt."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lepton_edge_converters.gates.statistics import samples_to_prove, samples_to_prove_loss
from lepton_edge_converters.recipe import Recipe
from lepton_edge_converters.report import GateResult
from lepton_edge_converters.report.numbers import Drop, Loss, Score
from lepton_edge_converters.samples.lint import Finding


@dataclass(frozen=True, slots=True)
class _Bounded:
    """Something that shall be at most so much.

    Attributes:
        value: What was found.
        high: Upper end of its 95 % interval; not a number where it has none.
        bound: Most that it may be.
        needed: How many samples would prove it; ``None`` if that cannot be told.
        samples: How many there were.
    """

    value: float
    high: float
    bound: float
    needed: int | None
    samples: int


def accuracy_gate(recipe: Recipe, title: str, drop: Drop | None) -> Iterator[GateResult]:
    """No more accuracy is lost than was allowed."""
    bound = recipe.gates.max_drop
    if drop is None or bound is None or recipe.metric:
        return
    bounded = _Bounded(drop.points, drop.high, bound, samples_to_prove(drop, bound), drop.samples)
    yield _gate(f"{title} accuracy", f"drop {drop} (at most {bound:g})", bounded, recipe)


def metric_gates(recipe: Recipe, title: str, score: Score | None, loss: Loss | None) -> Iterator[GateResult]:
    """The metric says no less than was asked for, and no more less than of the original than was allowed."""
    if score is None or loss is None:
        return
    least, most = recipe.gates.min_metric, recipe.gates.max_drop
    if least is not None:
        missing = Loss(-score.value, -score.high, -score.low)
        needed = samples_to_prove_loss(missing, -least, score.samples)
        bounded = _Bounded(missing.value, missing.high, -least, needed, score.samples)
        yield _gate(f"{title} {score.metric}", f"{score} (at least {least:g})", bounded, recipe)
    if most is not None and recipe.metric:
        expected = replace(loss, value=max(loss.value, 0.0))  # what was won by luck is not counted on
        needed = samples_to_prove_loss(expected, most, score.samples)
        bounded = _Bounded(loss.value, loss.high, most, needed, score.samples)
        yield _gate(f"{title} {score.metric} drop", f"{loss} (at most {most:g})", bounded, recipe)


def samples_gates(recipe: Recipe, findings: Sequence[Finding]) -> Iterator[GateResult]:
    """With ``strict``, nothing is odd about the samples."""
    if recipe.strict and not findings:
        yield GateResult("samples", passed=True, detail="nothing odd about them", about="samples")
    if recipe.strict:
        yield from (
            GateResult(f"samples {one.code}", passed=False, detail=one.text, about="samples") for one in findings
        )


def _gate(name: str, found: str, bounded: _Bounded, recipe: Recipe) -> GateResult:
    """Return whether the bound holds: what holds passes; with ``strict`` only what the whole interval proves."""
    if not bounded.value <= bounded.bound:
        return GateResult(name, passed=False, detail=found)
    if bounded.high <= bounded.bound:
        return GateResult(name, passed=True, detail=found)
    strictly = " (strict)" if recipe.strict else ""
    return GateResult(name, not recipe.strict, f"{found}; {_unproven(bounded, strictly)}")


def _unproven(bounded: _Bounded, strictly: str) -> str:
    """Return why a bound that holds is not proven, and what would prove it."""
    if bounded.value == bounded.bound:
        return f"not proven{strictly}, since this is the bound itself, and no number of samples would"
    if bounded.needed is None:
        return f"not proven{strictly}: these samples show no interval"
    more = max(bounded.needed, bounded.samples + 1)
    would = f"{_rounded(more):,} would if they fare like these {bounded.samples:,}"
    return f"too few samples to prove it{strictly}: {would}"


def _rounded(count: int) -> int:
    """Return the number with two digits, rounded up: it is an estimate."""
    unit = int("1".ljust(len(str(count)) - 1, "0"))
    return -(-count // unit) * unit
