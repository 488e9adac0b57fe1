"""Which ranges a file is quantized with: those of the estimator asked for, or of the one that measures best."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from lepton_edge_converters.quantize.engine import is_trained, quantize
from lepton_edge_converters.quantize.estimators import ESTIMATORS
from lepton_edge_converters.quantize.histograms import Histogram, load_histograms, observe, save_histograms
from lepton_edge_converters.quantize.layers import MOVERS
from lepton_edge_converters.quantize.ranges import Range, read_ranges, with_ranges
from lepton_edge_converters.quantize.running import answers, feed, sqnr_db
from lepton_edge_converters.recipe import Ranges
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.worker import report_progress
from lepton_edge_runtime.formats.tflite import read_tflite


@dataclass(frozen=True, slots=True)
class Choice:
    """A calibrated file with the ranges to quantize it with.

    Attributes:
        content: The file.
        estimator: Whose ranges, a row of ``ESTIMATORS``, or ``training``.
        measured: What each estimator's int8 file answered, as SQNR in decibels to the float one; empty if only one was
            asked for.
    """

    content: bytes
    estimator: str
    measured: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.measured:
            return f"ranges by {self.estimator}"
        listed = ", ".join(f"{name} {sqnr:.1f}" for name, sqnr in self.measured.items())
        return f"ranges by {self.estimator}, the best on the calibration samples (SQNR in dB: {listed})"


def choose_ranges(calibrated: Path, samples: StoredSamples, ranges: Ranges, in_float: Collection[str]) -> Choice:
    """Return a calibrated file with an estimator's ranges, or with those whose int8 file answers most like the float.

    Args:
        calibrated: From ``calibrate``; what is seen in its tensors is kept beside it.
        samples: Those that calibrated it.
        ranges: A row of ``ESTIMATORS``, or ``best``.
        in_float: Names of operators that stay in float.
    """
    content = calibrated.read_bytes()
    if is_trained(calibrated):
        return Choice(content, "training")  # others would undo it
    if ranges == "minmax":
        return Choice(content, ranges)  # the calibrator's own
    seen = _seen(calibrated, content, samples)
    if ranges != "best":
        return Choice(_estimated(content, seen, ranges), ranges)
    shown = feed(samples)
    reference = answers(content, shown)
    tried: dict[str, bytes] = {}
    measured: dict[str, float] = {}
    for done, name in enumerate(ESTIMATORS):
        report_progress("trying ranges", done, len(ESTIMATORS))
        tried[name] = _estimated(content, seen, name)
        measured[name] = sqnr_db(reference, answers(quantize(tried[name], in_float=in_float), shown))
    best = max(measured, key=measured.__getitem__)  # the first row among equals
    return Choice(tried[best], best, measured)


def _seen(calibrated: Path, content: bytes, samples: StoredSamples) -> dict[int, Histogram]:
    """Return the histograms of the tensors whose ranges may be narrowed, made once."""
    kept = calibrated.with_suffix(".seen.npz")
    if not kept.exists():
        tensors = read_ranges(content).keys() - _fixed(content, samples)
        every = feed(samples, len(samples))
        seen = observe(content, tensors, every, lambda done, total: report_progress("histograms", done, total))
        save_histograms(seen, kept)
    return load_histograms(kept)


def _fixed(content: bytes, samples: StoredSamples) -> set[int]:
    """Return the tensors whose range is not for us to narrow: outputs, and inputs that take pictures' bytes."""
    model = schema.Model.GetRootAs(content, 0)
    signature, graph = model.SignatureDefs(0), model.Subgraphs(0)
    inputs = {signature.Inputs(i).Name().decode(): signature.Inputs(i) for i in range(signature.InputsLength())}
    pictures = {
        inputs[f"input_{k}"].TensorIndex()
        for k, preprocess in enumerate(samples.preprocess)
        if preprocess is not None and f"input_{k}" in inputs
    }
    return pictures | {int(i) for i in graph.OutputsAsNumpy()}


def _estimated(content: bytes, seen: Mapping[int, Histogram], estimator: str) -> bytes:
    estimate = ESTIMATORS[estimator]
    if estimator == "minmax":
        return content
    return with_ranges(content, _moved_along(content, {i: estimate(one) for i, one in seen.items() if one.values.size}))


def _moved_along(content: bytes, ranges: dict[int, Range]) -> dict[int, Range]:
    """Return the ranges, what an operator only moves with that of where it came from: two would cost a rescaling."""
    graph = schema.Model.GetRootAs(content, 0).Subgraphs(0)
    moved = dict(ranges)
    for i, operator in enumerate(read_tflite(content).operators):
        if operator.kind not in MOVERS:
            continue
        ends = graph.Operators(i)
        source = next((j for j in ends.InputsAsNumpy() if int(j) in moved), None)
        if source is not None:
            moved |= {int(j): moved[int(source)] for j in ends.OutputsAsNumpy() if int(j) in moved}
    return moved
