"""Every scheme tried on one model: the fastest of those that pass the gates is shipped."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec

from lepton_edge_converters.artefacts import Artefact
from lepton_edge_converters.errors import ConversionError
from lepton_edge_converters.gates.judge import Judgement, run_gates
from lepton_edge_converters.making import Made
from lepton_edge_converters.preparation import Job
from lepton_edge_converters.recipe import SCHEMES
from lepton_edge_converters.report import Outcome, Tried
from lepton_edge_converters.speed import Timings
from lepton_edge_converters.summary import describe
from lepton_edge_runtime.backends import BACKENDS

_REFERENCE = "float32"
_WITHOUT_INT8 = {"ranges": "minmax", "float_layers": (), "equalize": False, "correct_bias": False, "qat": False}
_HOPELESS = 3.0  # times the time of a scheme that passed: not worth the minutes that judging takes


@dataclass(frozen=True, slots=True)
class Found:
    """What ships, or what a refusal is told of, and what became of every scheme."""

    made: Made
    judgements: list[Judgement]
    timings: Timings
    tried: tuple[Tried, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """A scheme whose files are made.

    Attributes:
        made: The files.
        judgements: Of each; empty where they were not judged.
        refusals: What its gates refused, one sentence each.
    """

    made: Made
    judgements: list[Judgement]
    refusals: tuple[str, ...] = ()

    @property
    def scheme(self) -> str:
        """How numbers are stored."""
        return self.made.scheme

    @property
    def passed(self) -> bool:
        """Whether it was judged, and no gate refused it."""
        return bool(self.judgements) and not self.refusals

    @property
    def deciding(self) -> Artefact:
        """The file that a device takes first."""
        order = list(BACKENDS)
        return min(self.made.artefacts, key=lambda one: order.index(one.backend))


def find_fastest(
    job: Job,
    make: Callable[[Job], Made],
    judge: Callable[[Made], list[Judgement]],
    clock: Callable[[list[Artefact]], Timings],
) -> Found:
    """Try every scheme, and return the one to ship.

    The engine that a device takes first decides. Schemes whose time there is longer than the shortest by no more than
    noise share the first place, and the smallest of them wins.

    Args:
        job: With the recipe whose gates must hold.
        make: Makes the files of a job's scheme.
        judge: Has them answer the held-out samples.
        clock: Times files side by side.

    Raises:
        ConversionError: Not even float32 can be made.
    """
    made, missing = _make_all(job, make)
    timings = clock([artefact for attempt in made for artefact in attempt.artefacts])
    trials = _judge_all(made, judge, timings)
    reference = next(one.made.artefacts for one in trials if one.scheme == _REFERENCE)
    passed = [one for one in trials if one.passed]
    ships = choose_fastest(passed, timings) if passed else None
    tried = []
    for one in trials:
        judged = {judgement.artefact.title: judgement for judgement in one.judgements}
        rows = [describe(file, timings, judged.get(file.title), beside=reference) for file in one.made.artefacts]
        tried.append(Tried(one.scheme, *_outcome(one, ships, trials, timings), tuple(rows)))
    told = ships or next((one for one in trials if one.scheme == job.recipe.scheme), trials[0])
    compared = [] if told.scheme == _REFERENCE else [replace(one, shipped=False) for one in reference]
    return Found(replace(told.made, compared=compared), told.judgements, timings, (*tried, *missing))


def _make_all(job: Job, make: Callable[[Job], Made]) -> tuple[list[Made], list[Tried]]:
    """Return the attempts that could be made, and what is to be said of the others."""
    made: list[Made] = []
    missing: list[Tried] = []
    for scheme in SCHEMES:
        only_int8 = {} if scheme == "int8" else _WITHOUT_INT8
        recipe = msgspec.structs.replace(job.recipe, scheme=scheme, fastest=False, **only_int8)
        try:
            attempt = make(replace(job, recipe=recipe))
        except ConversionError as refused:
            if scheme == _REFERENCE:
                raise
            missing.append(Tried(scheme, "not made", str(refused)))
            continue
        if attempt.scheme == scheme:
            made.append(attempt)
        else:
            missing.append(Tried(scheme, "not made", attempt.plan.warnings[-1]))
    return made, missing


def _judge_all(made: list[Made], judge: Callable[[Made], list[Judgement]], timings: Timings) -> list[Trial]:
    """Return the attempts judged, the quickest first; one that can no longer win is not worth judging."""
    trials: list[Trial] = []
    waiting = sorted((Trial(one, []) for one in made), key=lambda one: timings.latency(one.deciding.title).median_ms)
    for trial in waiting:
        best = next((one for one in trials if one.passed), None)
        if best and timings.ratio(trial.deciding.title, best.deciding.title).low > _HOPELESS:
            trials.append(trial)
            continue
        judgements = judge(trial.made)
        gates = run_gates(trial.made.job.recipe, judgements)
        refusals = tuple(f"{gate.name}: {gate.detail}" for gate in gates if not gate.passed)
        trials.append(Trial(trial.made, judgements, refusals))
    return trials


def choose_fastest(passed: Sequence[Trial], timings: Timings) -> Trial:
    """Return the fastest; the smallest of those that are as fast but for noise."""
    return min(_level(passed, timings), key=lambda one: one.made.size_bytes)


def _level(passed: Sequence[Trial], timings: Timings) -> list[Trial]:
    """Return those that share the first place."""
    first = min(passed, key=lambda one: timings.latency(one.deciding.title).median_ms)
    return [one for one in passed if one is first or not timings.ratio(one.deciding.title, first.deciding.title).slower]


def _outcome(one: Trial, ships: Trial | None, trials: Sequence[Trial], timings: Timings) -> tuple[Outcome, str]:
    if one.refusals:
        return "refused", "; ".join(one.refusals)
    assert ships is not None  # noqa: S101 - without a winner, all were judged and refused
    if one is ships:
        return "ships", _why(one, trials, timings)
    ratio = timings.ratio(one.deciding.title, ships.deciding.title)
    if not one.judgements:
        return "not judged", f"takes {ratio.value:.1f} times as long as {ships.scheme}, which passed"
    if one in _level([trial for trial in trials if trial.passed], timings):
        return "passed", f"as fast as {ships.scheme} but for noise, and larger"
    return "passed", f"takes {ratio} times as long as {ships.scheme}"


def _why(winner: Trial, trials: Sequence[Trial], timings: Timings) -> str:
    """Return why this one ships; those that were too slow to be judged count as slower, not as refused."""
    level = [one for one in _level([one for one in trials if one.passed], timings) if one is not winner]
    engine = BACKENDS[winner.deciding.backend].distribution
    if level:
        names = ", ".join(one.scheme for one in level)
        return f"as fast as {names} on {engine} but for noise, and the smallest of them"
    others = [one for one in trials if one is not winner and not one.refusals]
    if not others:
        return "the only one that passes the gates"
    ratios = {one.scheme: timings.ratio(one.deciding.title, winner.deciding.title) for one in others}
    following = min(ratios, key=lambda scheme: ratios[scheme].value)
    return f"the fastest on {engine}; {following}, the next, takes {ratios[following]} times as long"
