"""Which layers stand out of a sweep."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from lepton_edge_converters.report import LayerSensitivity

_STANDS_OUT_DB = 10.0  # ten times the noise of the median layer
_HARMLESS_DB = 30.0  # a thousandth of what tells samples apart: not worth a layer in float, whatever the others do
_BREAKS_DB = 10.0  # a tenth of it: too much for one layer, even if half of them are like that


def flagged(layers: Sequence[LayerSensitivity]) -> tuple[LayerSensitivity, ...]:
    """Return the layers, those marked that stand out from the others, or break the model by themselves."""
    if not layers:
        return ()
    usual = median(layer.sqnr_db for layer in layers)
    bound = max(min(usual - _STANDS_OUT_DB, _HARMLESS_DB), _BREAKS_DB)
    return tuple(replace(layer, flagged=layer.sqnr_db < bound) for layer in layers)
