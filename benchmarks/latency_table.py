"""The latency table's prediction, a sum over operators measured alone, beside the net as a whole."""

from time import perf_counter

import lepton_edge as le
from benchmarks.table import Table
from benchmarks.workshop import Subject, Workshop
from lepton_edge_converters.latency import Operator, Range, Target, measure_table
from lepton_edge_converters.latency.reading import operators_of
from lepton_edge_runtime.backends import BACKENDS, open_backend
from lepton_edge_runtime.choice import engine_version
from lepton_edge_runtime.timing import time_interleaved

_LEAST_SHARE = 8
_FIXED = 4  # channels of a picture
_RUNS_MAX = 500


def measure(workshop: Workshop, seconds: float) -> tuple[Table, ...]:
    """Return, for each net and engine, the time predicted and the time measured."""
    rows = [row for subject in (workshop.tiny_cnn, workshop.given) for row in _rows(workshop, subject, seconds=seconds)]
    columns = ("model", "engine", "measured", "predicted", "predicted / measured", "operators", "timed", "seconds")
    notes = (
        "'measured': minimum over calls of the whole net, one thread; 'predicted': the sum over its operators.",
        "'timed': operators and widths measured for the table, in 'seconds'; these hold the search for steps too.",
    )
    return (Table("Latency table, int8, ms", columns, tuple(rows), notes),)


def _rows(workshop: Workshop, subject: Subject, *, seconds: float) -> list[tuple[str | float | int, ...]]:
    bundle = le.Bundle(workshop.bundle(subject))
    operators, _ = operators_of(bundle.member("model.tflite"))
    rows: list[tuple[str | float | int, ...]] = []
    for engine in ("tflite", "onnx"):
        backend = open_backend(engine, bundle.member(BACKENDS[engine].member))
        taken = time_interleaved({engine: backend.run}, seconds=seconds, runs_max=_RUNS_MAX)[engine].minimum_ms
        timed: list[int] = [0]
        begin = perf_counter()
        table = measure_table(
            [_range(one) for one in operators],
            target=Target(engine=engine),
            progress=lambda _, __, count, timed=timed: timed.__setitem__(0, count),
        )
        built = perf_counter() - begin
        predicted = table.predict(operators)
        name = f"{engine_version(engine)}, steps of {table.steps.outputs} made, {table.steps.inputs} read"
        rows.append((subject.name, name, taken, predicted, predicted / taken, len(operators), timed[0], built))
    return rows


def _range(operator: Operator) -> Range:
    inputs, outputs = operator.channels_in, operator.channels_out
    least = inputs if inputs <= _FIXED else max(1, inputs // _LEAST_SHARE)
    return Range(operator, least, max(1, outputs // _LEAST_SHARE))
