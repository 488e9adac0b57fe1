"""What a call of a ``Model`` costs beside the bare engine, on a model so small that it shows."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import onnxruntime as ort
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

import lepton_edge as le
from benchmarks.table import Table, at_most, side_by_side
from benchmarks.workshop import Workshop
from lepton_edge_runtime.choice import engine_version
from lepton_edge_runtime.timing import Latency, time_interleaved

_BUDGET_US = 20.0
_RUNS_MAX = 100_000

_COLUMNS = ("call", "median", "minimum", "× bare", "× bare (min)", "more", "more (min)", "budget")


def measure(workshop: Workshop, seconds: float) -> tuple[Table, ...]:
    """Return a model's call and the bare engine's, for each backend."""
    bundle = workshop.bundle(workshop.tiny_cnn)
    tables = []
    for backend, make_bare in (("tflite", _bare_litert), ("onnx", _bare_onnx)):
        content = le.Bundle(bundle).member(f"model.{backend}")
        with le.open_model(bundle, backend=backend) as model:
            picture, tensor = _samples(model)
            calls: dict[str, Callable[[], object]] = {
                "bare engine, tensor set and read": make_bare(content, picture),
                "Model(float32 tensor)": partial(model, tensor),
                "Model(picture)": partial(model, picture),
            }
            latencies = time_interleaved(calls, seconds=seconds, runs_max=_RUNS_MAX, warm=True)
        tables.append(_table(backend, latencies))
    return tuple(tables)


def _samples(model: le.Model) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return a picture of the model's own size, grey, and the tensor that it stands for."""
    end = model.card.inputs[0]
    picture = np.random.default_rng(0).integers(0, 256, end.tensor.shape[1:3], np.uint8)
    return picture, picture.reshape(end.tensor.shape).astype(np.float32)


def _bare_litert(content: bytes, picture: NDArray[np.uint8]) -> Callable[[], Any]:
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    detail = interpreter.get_input_details()[0]
    taken, given = detail["index"], interpreter.get_output_details()[0]["index"]
    stored = picture.reshape(detail["shape"])

    def call() -> Any:
        interpreter.set_tensor(taken, stored)
        interpreter.invoke()
        return interpreter.get_tensor(given)

    return call


def _bare_onnx(content: bytes, picture: NDArray[np.uint8]) -> Callable[[], Any]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    taken = session.get_inputs()[0]
    feed = {taken.name: picture.reshape(taken.shape)}
    names = [end.name for end in session.get_outputs()]
    return lambda: session.run(names, feed)


def _table(backend: str, latencies: Mapping[str, Latency]) -> Table:
    bare, *ours = latencies
    reference = latencies[bare]
    rows = [_row(bare, reference, reference, budget=None)]
    for name in ours:
        more_us = (latencies[name].median_ms - reference.median_ms) * 1e3
        rows.append(_row(name, latencies[name], reference, budget=at_most(more_us, _BUDGET_US, "µs more")))
    note = f"{reference.runs} interleaved calls each, one thread; 'more' is what a call costs over the bare engine."
    return Table(f"Overhead of a call, 28×28 CNN int8, {engine_version(backend)}, µs", _COLUMNS, tuple(rows), (note,))


def _row(name: str, latency: Latency, reference: Latency, *, budget: str | None) -> tuple[str | float | None, ...]:
    median, minimum, ratio, ratio_minimum = side_by_side(latency, reference)
    more = (latency.median_ms - reference.median_ms) * 1e3, (latency.minimum_ms - reference.minimum_ms) * 1e3
    return name, median * 1e3, minimum * 1e3, ratio, ratio_minimum, *more, budget
