"""The repair ladder: what is tried, rung by rung, when a gate refuses an int8 model."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from time import monotonic
from typing import Any

import msgspec

from lepton_edge_converters.attempt import Attempt, try_out
from lepton_edge_converters.errors import ConversionError, SamplesError, TrainingError
from lepton_edge_converters.gates.judge import run_gates
from lepton_edge_converters.improving import improve
from lepton_edge_converters.making import judge_files
from lepton_edge_converters.quantize.findings import Sweep
from lepton_edge_converters.report import LayerSensitivity, Rung
from lepton_edge_converters.tracing import Tracing
from lepton_edge_runtime.errors import BackendError, LeptonError

_SWEPT_SAMPLES = 64
_FLOAT_SHARE_MAX = 0.5  # of the layers: with more of them in float, the file is no int8 model any more
_ADVICE = "what is left is another model, or asking for less"

_CLUSTERED = ConversionError("training gives each weight a value of its own again, which would undo the clusters")

_Settings = Mapping[str, Any]
_Changed = Tracing | LeptonError
"""A traced model to try, or why there is none."""


def climb(tracing: Tracing, refused: Attempt) -> Attempt:
    """Return the first attempt that passes all gates; if none does, the one that was asked for.

    The rungs: better ranges; equalization and bias correction; the layers that 8 bits hurt most in float; training for
    8 bits, with none of them in float. Each keeps what else those below it changed, and one that would change nothing
    is passed over. The report has them all.

    Args:
        tracing: What the refused attempt was made of.
        refused: With the recipe that was asked for.
    """
    rungs = [_rung("as asked", {}, refused)]
    ladder = _Ladder(tracing)
    steps = ladder.rungs()
    note = _stubborn(refused)
    minutes = refused.job.recipe.repair_minutes
    deadline = monotonic() + 60 * minutes
    while not note:
        # Asked before the next rung is: some take passes or a sweep before there is anything to try.
        if monotonic() > deadline:
            note = f"the repair stopped after {minutes:g} minutes (--repair-minutes)"
        elif (step := next(steps, None)) is None:
            note = f"no rung of the repair passed; {_ADVICE}"
        else:
            name, settings, changed = step
            outcome = _tried(changed, refused)
            rungs.append(_rung(name, settings, outcome))
            if isinstance(outcome, Attempt) and outcome.report.passed:
                return _told(outcome, rungs, ladder)
    return _told(refused, rungs, ladder, note)


def _tried(changed: _Changed, refused: Attempt) -> Attempt | LeptonError:
    """Return what comes of a changed model; a rung that cannot be made is a finding, and the next one is tried."""
    if isinstance(changed, LeptonError):
        return changed
    try:
        return try_out(changed, refused.report.output, compared=refused.compared)
    except (ConversionError, BackendError) as failed:
        return failed


def _stubborn(refused: Attempt) -> str:
    """Return why no rung could help; empty where one may."""
    if refused.job.recipe.scheme != "int8":
        return f"the repair is for int8 models, and this one was converted as {refused.job.recipe.scheme}"
    names = [gate.name for gate in refused.report.gates if not gate.passed and gate.about != "answers"]
    if names:
        return f"another quantization cannot mend what refused: {', '.join(names)}"
    return _lost_before(refused)


def _lost_before(refused: Attempt) -> str:
    """Return that a pruned or sparse model answers otherwise in float already; empty where it does not."""
    plan, job = refused.plan, refused.job
    if plan.pruned is None and plan.sparse is None:
        return ""
    recipe = msgspec.structs.replace(job.recipe, scheme="float32")
    gates = run_gates(recipe, judge_files(refused.compared, plan, job))
    lost = [f"{gate.name}: {gate.detail}" for gate in gates if not gate.passed and gate.about == "answers"]
    done, advice = ("pruned", "prune less") if plan.pruned else ("made sparse", "ask for fewer zeros or more clusters")
    return (
        f"no other quantization was tried, since the model that was {done} is refused in float already "
        f"({'; '.join(lost)}); {advice}, or train for longer or with more samples"
        if lost
        else ""
    )


class _Ladder:
    """The rungs above a recipe; what several of them are made of is made once.

    Attributes:
        sensitivity: What 8 bits do in each layer alone, once a rung has asked.
    """

    def __init__(self, tracing: Tracing) -> None:
        self._asked = tracing
        self._begun = 0
        self.sensitivity: tuple[LayerSensitivity, ...] = ()

    def rungs(self) -> Iterator[tuple[str, _Settings, _Changed]]:
        """Yield what each is called, all that it changes, and the traced model to try it on; or why there is none."""
        tracing, recipe = self._asked, self._asked.job.recipe
        settings: _Settings = {}
        if recipe.ranges != "best":
            settings = {"ranges": "best"}
            tracing = self._changed(tracing, settings)
            yield "better ranges", settings, tracing
        if not (recipe.equalize and recipe.correct_bias):
            name, more = "equalization and bias correction", {**settings, "equalize": True, "correct_bias": True}
            try:
                tracing, settings = improve(self._changed(tracing, more)), more
                yield name, settings, tracing
            except ConversionError as failed:
                yield name, more, failed
        try:
            self.sensitivity = _sweep(tracing)
        except ConversionError as failed:
            yield "layers in float", settings, failed
        for layers in self._in_float():
            name = f"{len(layers)} {'layer' if len(layers) == 1 else 'layers'} in float"
            spared = {"float_layers": layers}
            yield name, {**settings, **spared}, self._changed(tracing, spared)
        if not recipe.qat:
            settings, name = {**settings, "qat": True}, "quantization-aware training"
            yield name, settings, _CLUSTERED if recipe.clustered else self._trained(tracing, settings)

    def _trained(self, tracing: Tracing, settings: _Settings) -> _Changed:
        """Return the traced model trained for 8 bits, or why it cannot be."""
        try:
            return improve(self._changed(tracing, settings))
        except (ConversionError, SamplesError, TrainingError) as failed:
            return failed

    def _changed(self, tracing: Tracing, settings: _Settings) -> Tracing:
        """Return a traced model with these settings more, to be tried in a folder of its own."""
        self._begun += 1
        folder = self._asked.job.folder / f"rung_{self._begun}"
        folder.mkdir()
        recipe = msgspec.structs.replace(tracing.job.recipe, **settings)
        return replace(tracing, job=replace(tracing.job, folder=folder, recipe=recipe))

    def _in_float(self) -> Iterator[tuple[str, ...]]:
        """Yield the layers to leave in float: those that stand out, then the worst, twice as many each time."""
        worst = [one.layer for one in sorted(self.sensitivity, key=lambda one: one.sqnr_db)]
        asked = self._asked.job.recipe.float_layers
        most = int(len(worst) * _FLOAT_SHARE_MAX)
        count = min(sum(one.flagged for one in self.sensitivity) or 1, most)
        while count:
            yield tuple(dict.fromkeys([*asked, *worst[:count]]))
            count = min(2 * count, most) if count < most else 0


def _sweep(tracing: Tracing) -> tuple[LayerSensitivity, ...]:
    plan, job = tracing.plan, tracing.job
    recipe = job.recipe
    asked = (tracing.shipped, plan.facts, plan.calibration, recipe.ranges, _SWEPT_SAMPLES, recipe.repair_minutes)
    return job.stage("quantize.sweep:sweep", *asked, gives=Sweep).layers


def _rung(name: str, settings: _Settings, outcome: Attempt | LeptonError) -> Rung:
    listed = ", ".join(f"{key} = {_shown(value)}" for key, value in settings.items())
    if isinstance(outcome, LeptonError):
        return Rung(name, listed, passed=False, refused=(f"it could not be made: {outcome}",), rows=())
    report = outcome.report
    return Rung(
        name,
        listed,
        report.passed,
        tuple(f"{gate.name}: {gate.detail}" for gate in report.gates if not gate.passed),
        tuple(row for row in report.rows if row.shipped),
    )


def _shown(value: Any) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value).lower()


def _told(attempt: Attempt, rungs: list[Rung], ladder: _Ladder, note: str = "") -> Attempt:
    """Return the attempt, its report with what the ladder tried."""
    report = replace(
        attempt.report,
        rungs=tuple(rungs),
        sensitivity=ladder.sensitivity,
        warnings=(*attempt.report.warnings, *([note] if note else ())),
    )
    return replace(attempt, report=report)
