"""How long one operator takes here, measured."""

from lepton_edge_converters.latency.grid import Range
from lepton_edge_converters.latency.measure import Target
from lepton_edge_converters.latency.operator import Operator
from lepton_edge_converters.latency.steps import Steps
from lepton_edge_converters.latency.table import LatencyTable, measure_table

__all__ = ["LatencyTable", "Operator", "Range", "Steps", "Target", "measure_table"]
