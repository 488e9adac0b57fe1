"""The ranges that a calibrated TFLite file keeps of its tensors, read and replaced."""

from collections.abc import Iterator, Mapping
from typing import Any

from ai_edge_litert import schema_py_generated as schema

Range = tuple[float, float]
"""Least and largest real number that 8 bits shall tell apart in a tensor."""


def read_ranges(calibrated: bytes) -> dict[int, Range]:
    """Return the range of each tensor of the main graph that was calibrated, by its index."""
    return {
        i: (float(quantization.Min(0)), float(quantization.Max(0)))
        for i, quantization in _calibrated_tensors(calibrated)
    }


def with_ranges(calibrated: bytes, ranges: Mapping[int, Range]) -> bytes:
    """Return the file with other ranges for these tensors; nothing else in it changes, not even its length."""
    content = bytearray(calibrated)
    for i, quantization in _calibrated_tensors(content):
        if i in ranges:
            # Views into the file's own bytes: the file need not be built anew.
            quantization.MinAsNumpy()[0], quantization.MaxAsNumpy()[0] = ranges[i]
    return bytes(content)


def _calibrated_tensors(content: bytes | bytearray) -> Iterator[tuple[int, Any]]:
    graph = schema.Model.GetRootAs(content, 0).Subgraphs(0)
    for i in range(graph.TensorsLength()):
        quantization = graph.Tensors(i).Quantization()
        if quantization is not None and quantization.MinLength() == 1 == quantization.MaxLength():
            yield i, quantization
