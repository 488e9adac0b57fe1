"""The repair ladder: what is tried, rung by rung, when a gate refuses an int8 model."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from time import monotonic
from typing import Any

import msgspec

from lepton_edge_converters.attempt import Attempt, try_out
from lepton_edge_converters.errors import ConversionError, SamplesError, TrainingError
from lepton_edge_converters.improving import improve
from lepton_edge_converters.quantize.findings import Sweep
from lepton_edge_converters.report import LayerSensitivity, Rung
from lepton_edge_converters.tracing import Tracing

_SWEPT_SAMPLES = 64
_FLOAT_SHARE_MAX = 0.5  # of the layers: with more of them in float, the file is no int8 model any more
_ADVICE = "what is left is another model, or asking for less"

_Settings = Mapping[str, Any]


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
            note = f"no rung of the repair passed; {ladder.note or _ADVICE}"
        else:
            name, settings, changed = step
            attempt = try_out(changed, refused.report.output, compared=refused.compared)
            rungs.append(_rung(name, settings, attempt))
            if attempt.report.passed:
                return _told(attempt, rungs, ladder)
    return _told(refused, rungs, ladder, note)


def _stubborn(refused: Attempt) -> str:
    """Return why no rung could help; empty where one may."""
    if refused.job.recipe.scheme != "int8":
        return f"the repair is for int8 models, and this one was converted as {refused.job.recipe.scheme}"
    names = [gate.name for gate in refused.report.gates if not gate.passed and gate.about != "answers"]
    return f"another quantization cannot mend what refused: {', '.join(names)}" if names else ""


class _Ladder:
    """The rungs above a recipe; what several of them are made of is made once.

    Attributes:
        sensitivity: What 8 bits do in each layer alone, once a rung has asked.
        note: Why the model could not be trained; empty if it was, or was not to be yet.
    """

    def __init__(self, tracing: Tracing) -> None:
        self._asked = tracing
        self._begun = 0
        self.sensitivity: tuple[LayerSensitivity, ...] = ()
        self.note = ""

    def rungs(self) -> Iterator[tuple[str, _Settings, Tracing]]:
        """Yield what each is called, all that it changes, and the traced model to try it on."""
        tracing, recipe = self._asked, self._asked.job.recipe
        settings: _Settings = {}
        if recipe.ranges != "best":
            settings = {"ranges": "best"}
            tracing = self._changed(tracing, settings)
            yield "better ranges", settings, tracing
        if not (recipe.equalize and recipe.correct_bias):
            settings = {**settings, "equalize": True, "correct_bias": True}
            tracing = improve(self._changed(tracing, settings))
            yield "equalization and bias correction", settings, tracing
        for layers in self._in_float(tracing):
            name = f"{len(layers)} {'layer' if len(layers) == 1 else 'layers'} in float"
            spared = {"float_layers": layers}
            yield name, {**settings, **spared}, self._changed(tracing, spared)
        if not recipe.qat:
            settings = {**settings, "qat": True}
            try:
                trained = improve(self._changed(tracing, settings))
            except (ConversionError, TrainingError, SamplesError) as refused:
                self.note = f"the model cannot be trained for 8 bits: {refused}"
            else:
                yield "quantization-aware training", settings, trained

    def _changed(self, tracing: Tracing, settings: _Settings) -> Tracing:
        """Return a traced model with these settings more, to be tried in a folder of its own."""
        self._begun += 1
        folder = self._asked.job.folder / f"rung_{self._begun}"
        folder.mkdir()
        recipe = msgspec.structs.replace(tracing.job.recipe, **settings)
        return replace(tracing, job=replace(tracing.job, folder=folder, recipe=recipe))

    def _in_float(self, tracing: Tracing) -> Iterator[tuple[str, ...]]:
        """Yield the layers to leave in float: those that stand out, then the worst, twice as many each time."""
        self.sensitivity = _sweep(tracing)
        worst = [one.layer for one in sorted(self.sensitivity, key=lambda one: one.sqnr_db)]
        asked = self._asked.job.recipe.float_layers
        most = int(len(worst) * _FLOAT_SHARE_MAX)
        count = min(sum(one.flagged for one in self.sensitivity) or 1, most)
        while count:
            yield tuple(dict.fromkeys([*asked, *worst[:count]]))
            count = min(2 * count, most) if count < most else 0


def _sweep(tracing: Tracing) -> tuple[LayerSensitivity, ...]:
    plan, job = tracing.plan, tracing.job
    asked = (tracing.shipped, plan.facts, plan.calibration, job.recipe.ranges, _SWEPT_SAMPLES)
    return job.stage("quantize.sweep:sweep", *asked, gives=Sweep).layers


def _rung(name: str, settings: _Settings, attempt: Attempt) -> Rung:
    report = attempt.report
    return Rung(
        name,
        ", ".join(f"{key} = {_shown(value)}" for key, value in settings.items()),
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
