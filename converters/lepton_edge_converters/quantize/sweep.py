"""One layer at a time in 8 bits, all others in float: what does it do to the outputs?

Errors of a file that is int8 throughout pile up on their way, and blame the layers behind the guilty ones. One at a
time, each answers for itself. A tensor that 8 bits cannot hold shows in the layer that makes it, and in those that
read it.
"""

from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.errors import ConversionError
from lepton_edge_converters.facts import ModelFacts
from lepton_edge_converters.quantize.choice import choose_ranges
from lepton_edge_converters.quantize.engine import calibrate, quantize
from lepton_edge_converters.quantize.findings import Sweep
from lepton_edge_converters.quantize.flags import flagged
from lepton_edge_converters.quantize.layers import read_layers
from lepton_edge_converters.quantize.running import answers, feed, sqnr_db
from lepton_edge_converters.recipe import Ranges
from lepton_edge_converters.report import LayerSensitivity
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.worker import report_progress


def sweep(
    traced: Path, facts: ModelFacts, calibration: StoredSamples, ranges: Ranges, most: int, minutes: float
) -> Sweep:
    """Return what 8 bits do in each layer alone.

    Args:
        traced: The SavedModel that ``load.trace`` wrote; calibrated if it is not yet.
        facts: Of the model.
        calibration: Samples that calibrate.
        ranges: How ranges are estimated.
        most: How many of the samples to measure on, at most.
        minutes: No further layer is begun after this long.

    Raises:
        ConversionError: The minutes are over, and not every layer was measured.
    """
    deadline = monotonic() + 60 * minutes
    calibrated = calibrate(traced, calibration)
    layers = read_layers(calibrated.read_bytes(), facts)
    content = choose_ranges(calibrated, calibration, ranges, ()).content
    shown = feed(calibration, most)
    reference = answers(content, shown)
    operators = {layer.operator for layer in layers}
    found = []
    for done, layer in enumerate(layers):
        report_progress("one layer at a time in 8 bits", done, len(layers))
        if monotonic() > deadline:
            raise ConversionError(f"of {len(layers)} layers, {done} could be measured in {minutes:g} minutes")
        alone = quantize(content, in_float=operators - {layer.operator})
        found.append(_measured(layer.name, layer.kind, answers(alone, shown), reference))
    whole = _measured("", "", answers(quantize(content), shown), reference)
    return Sweep(flagged(found), whole, len(shown))


def _measured(name: str, kind: str, found: list[NDArray[Any]], reference: list[NDArray[Any]]) -> LayerSensitivity:
    squares = [((one.astype(np.float64) - other) ** 2).reshape(-1) for one, other in zip(found, reference, strict=True)]
    return LayerSensitivity(name, kind, float(np.concatenate(squares).mean()), sqnr_db(reference, found))
