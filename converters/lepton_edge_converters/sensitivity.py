"""sensitivity(): which layers of a model cannot bear 8 bits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any

from lepton_edge_converters.errors import ConversionError
from lepton_edge_converters.load.loaded import LoadOptions
from lepton_edge_converters.load.opened import open_for_conversion
from lepton_edge_converters.preparation import Job, prepare, require_converter, silent
from lepton_edge_converters.quantize.findings import Sweep
from lepton_edge_converters.recipe import Ranges, load_recipe
from lepton_edge_converters.report import LayerSensitivity, plain
from lepton_edge_converters.report.svg_bars import Bar, draw_bars
from lepton_edge_converters.said import say
from lepton_edge_converters.tracing import trace
from lepton_edge_converters.worker import Progress, workplace
from lepton_edge_runtime.atomic import replacing
from lepton_edge_runtime.errors import OutputError
from lepton_edge_runtime.preprocess import Preprocess

_FEW = 1e-6  # the share of the samples that would judge, rounded to one of them: nothing is judged here
_DECADES = 8  # of error, from a hundred-millionth of the outputs' spread up to all of it


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Which layers of a model cannot bear 8 bits.

    Attributes:
        model: Name of the model.
        ranges: How the ranges of activations were estimated.
        samples: How many the errors were measured on.
        layers: Each with what it alone does to the outputs, in the order in which they run.
        whole: The same of the model that is int8 throughout.
        warnings: What the user should know, one sentence each.
        seconds: How long it took, in all.
    """

    model: str
    ranges: Ranges
    samples: int
    layers: tuple[LayerSensitivity, ...]
    whole: LayerSensitivity
    warnings: tuple[str, ...]
    seconds: float

    @property
    def flagged(self) -> tuple[str, ...]:
        """Names of the layers that stand out, worst first: what ``float_layers`` takes."""
        return tuple(one.layer for one in self.worst_first() if one.flagged)

    def worst_first(self) -> list[LayerSensitivity]:
        """Return the layers, the one that costs most first."""
        return sorted(self.layers, key=lambda one: one.sqnr_db)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain lists, numbers and strings, for JSON; an infinite SQNR becomes ``None``."""
        values: dict[str, Any] = plain(self)
        return {**values, "flagged": list(self.flagged)}

    def plot(self, path: str | Path) -> None:
        """Write the errors as a picture, ``NAME.svg``, a bar a layer.

        Raises:
            OutputError: It cannot be written there.
        """
        try:
            with replacing(Path(path)) as file:
                file.write(_drawn(self).encode())
        except OSError as problem:
            raise OutputError(f"cannot write {path}: {problem.strerror or problem}") from problem


def sensitivity(
    model: Any,
    *,
    data: Any,
    labels: str | Path | Sequence[str] | None = None,
    preprocess: Preprocess | None = None,
    task: str | None = None,
    ranges: Ranges = "minmax",
    samples: int = 32,
    calibration: int = 100,
    custom: Sequence[str] = (),
    custom_objects: Mapping[str, Any] | None = None,
    trust: bool = False,
    signature: str = "",
    verbose: bool = False,
    progress: Progress | None = None,
) -> Sensitivity:
    """Return what 8 bits in each layer alone do to a model's outputs.

    Args:
        model: As ``convert`` takes it.
        data: Samples that calibrate, as ``convert`` takes them; labels are not needed.
        labels: Names of the classes, where the samples name them.
        preprocess: How pictures become the model's input; what it leaves open is taken from the model.
        task: ``classify`` or ``raw``, where the model does not tell.
        ranges: How the ranges of activations are estimated.
        samples: How many samples to measure on, at most.
        calibration: How many calibrate, at most.
        custom: ``module:Name`` of each class or function of your own that the file is made of.
        custom_objects: The same as objects, by name; the file is then loaded in this process.
        trust: Whether Python code inside the file (``Lambda`` layers) may run.
        signature: Which signature of a SavedModel; by default the only one, or ``serving_default``.
        verbose: Let the converter libraries print.
        progress: Called with what is being done, how much is done, and how much there is.

    Raises:
        LeptonError: The model or the samples are not usable, or the model has no int8 form.

    Example:
        >>> found = sensitivity("birds.keras", data="photos/")                            # doctest: +SKIP
        >>> convert("birds.keras", "birds.lepton", data="photos/", float_layers=found.flagged)  # doctest: +SKIP
    """
    begin = monotonic()
    require_converter()
    recipe = load_recipe("int8", ranges=ranges, calibration=calibration, holdout=_FEW)
    said = say(labels, task, signature, preprocess)
    with workplace(verbose=verbose) as (folder, worker):
        job = Job(folder, worker, recipe, progress or silent)
        job.progress("loading the model", 0, 1)
        options = LoadOptions(tuple(custom), trust, said.signature)
        opened = open_for_conversion(model, worker, options, custom_objects or {})
        plan = prepare(opened, data, said, job)
        tracing = trace(opened, plan, job)
        if tracing.job.recipe.scheme != "int8":
            raise ConversionError(f"nothing to measure: {tracing.plan.warnings[-1]}")
        asked = (tracing.shipped, plan.facts, plan.calibration, ranges, samples, inf)
        found: Sweep = job.call("quantize.sweep:sweep", *asked)
        return Sensitivity(
            plan.facts.name,
            ranges,
            found.samples,
            found.layers,
            found.whole,
            tracing.plan.warnings,
            monotonic() - begin,
        )


def _drawn(found: Sensitivity) -> str:
    bars = [
        Bar(one.layer, _length(one.sqnr_db), "none" if one.mse == 0 else f"{one.sqnr_db:.1f} dB", marked=one.flagged)
        for one in found.layers
    ]
    everything = Bar("all layers at once", _length(found.whole.sqnr_db), f"{found.whole.sqnr_db:.1f} dB")
    count = len(found.flagged)
    note = (
        f"{count} of {len(found.layers)} stand out; {found.samples} samples, ranges by {found.ranges}; "
        "error as a share of what tells samples apart, and SQNR"
    )
    ticks = [(1 - i / _DECADES, f"1e-{i}" if i else "1") for i in range(0, _DECADES + 1, 2)]
    return draw_bars(f"{found.model}: error at the outputs, one layer in 8 bits", note, [everything, *bars], ticks)


def _length(sqnr_db: float) -> float:
    """Return how far right an error reaches on a logarithmic axis of so many decades, 0 to 1."""
    return min(1.0, max(0.0, 1 - sqnr_db / 10 / _DECADES))
