"""A calibrated model as the bytes of an int8 file; runs in the worker."""

from pathlib import Path

from lepton_edge_converters.errors import ConversionError
from lepton_edge_converters.exporters.flatbuffer import rename_ends
from lepton_edge_converters.facts import ModelFacts
from lepton_edge_converters.quantize.choice import choose_ranges
from lepton_edge_converters.quantize.engine import calibrate, quantize
from lepton_edge_converters.quantize.findings import Int8Export
from lepton_edge_converters.quantize.layers import Layer, named_layers, read_layers
from lepton_edge_converters.recipe import Io, Ranges
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_runtime.formats import Operator
from lepton_edge_runtime.formats.tflite import read_tflite


def export_int8(
    traced: Path,
    facts: ModelFacts,
    calibration: StoredSamples | None,
    ranges: Ranges,
    float_layers: tuple[str, ...],
    io: Io,
    out: Path,
) -> Int8Export:
    """Write the traced model as int8 TFLite, its inputs and outputs under the model's own names.

    The first call calibrates; others with the same trace quantize anew, in about a second.

    Args:
        traced: The SavedModel that ``load.trace`` wrote.
        facts: Of the model.
        calibration: Samples that show the ranges of activations.
        ranges: How these are estimated.
        float_layers: Names of layers that stay in float.
        io: Type of the inputs and outputs.
        out: File to write.

    Raises:
        ConversionError: TensorFlow's converter refuses the model, or there are no samples.
        RecipeError: A name is no layer's.
    """
    if calibration is None:
        raise ConversionError("int8 needs samples to calibrate with")
    calibrated = calibrate(traced, calibration)
    spared = spared_layers(calibrated.read_bytes(), facts, float_layers)
    in_float = [layer.operator for layer in spared]
    choice = choose_ranges(calibrated, calibration, ranges, in_float)
    content = quantize(choice.content, io=io, in_float=in_float)
    named = rename_ends(content, [end.name for end in facts.inputs], [end.name for end in facts.outputs])
    out.write_bytes(named)
    route = f"by TensorFlow's converter, {choice}" if choice.estimator != "minmax" else "by TensorFlow's converter"
    return Int8Export(route, _operators_in_float(content, named, spared))


def spared_layers(calibrated: bytes, facts: ModelFacts, float_layers: tuple[str, ...]) -> tuple[Layer, ...]:
    """Return the layers of a calibrated file that stay in float.

    Raises:
        RecipeError: A name is no layer's.
    """
    return named_layers(read_layers(calibrated, facts), float_layers) if float_layers else ()


def find_best_ranges(traced: Path, calibration: StoredSamples) -> str:
    """Return the estimator whose int8 file answers the samples that calibrate most like the float one."""
    return choose_ranges(calibrate(traced, calibration), calibration, "best", ()).estimator


def _operators_in_float(content: bytes, named: bytes, spared: tuple[Layer, ...]) -> tuple[str, ...]:
    """Return the operators of the finished file that are those of the layers to spare, by their first outputs."""
    ends = {end.name for end in read_tflite(content).outputs}
    pairs = zip(read_tflite(content).operators, read_tflite(named).operators, strict=True)
    return tuple(after.output for before, after in pairs if any(_is(before, layer, ends) for layer in spared))


def _is(operator: Operator, layer: Layer, ends: set[str]) -> bool:
    if operator.kind != layer.kind:
        return False
    # Where an output is stored in 8 bits, the operator that made it makes another tensor, with a digit to its name.
    added = operator.output.removeprefix(layer.operator)
    return operator.output == layer.operator or (layer.operator in ends and added.isdecimal())
