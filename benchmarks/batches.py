"""Several pictures at once beside as many calls, on both engines: processor time a picture."""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import monotonic, process_time_ns
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from ai_edge_litert.interpreter import Interpreter

from benchmarks.table import Cell, Table
from benchmarks.workshop import Workshop
from lepton_edge_runtime.choice import engine_version

_COUNTS = (2, 4, 8)
_ROUNDS_MIN = 3
_DTYPES = {"tensor(float)": "float32", "tensor(uint8)": "uint8", "tensor(int8)": "int8"}
_COLUMNS = ("file", "threads", "one, ms", *(f"{count} at once ×" for count in _COUNTS))


def measure(workshop: Workshop, seconds: float) -> tuple[Table, ...]:
    """Return what a picture takes in batches, as multiples of what it takes alone."""
    rows: list[tuple[Cell, ...]] = []
    for backend, opened in (("tflite", _litert), ("onnx", _onnx)):
        for scheme in ("int8", "float32"):
            path = workshop.member(workshop.bundle(workshop.given, scheme), f"model.{backend}")
            for threads in (1, 2):
                calls = {count: opened(path, count, threads) for count in (1, *_COUNTS)}
                spent = _spent(calls, seconds)
                ratios = (spent[count] / spent[1] for count in _COUNTS)
                rows.append((f"{engine_version(backend)}, {scheme}", threads, spent[1] / 1e6, *ratios))
    notes = ("Medians of rounds in turn. Processor time of all threads: others' work does not count.",)
    return (Table(f"Pictures in batches, {workshop.given.name}", _COLUMNS, tuple(rows), notes),)


def _spent(calls: dict[int, Callable[[], Any]], seconds: float) -> dict[int, float]:
    """Return nanoseconds of processor time a picture, by how many are given at once."""
    taken: dict[int, list[float]] = {count: [] for count in calls}
    begin = monotonic()
    while len(taken[1]) < _ROUNDS_MIN or monotonic() - begin < seconds:
        for count, call in calls.items():
            times = max(1, _COUNTS[1] // count)  # so that no call is too short for the clock
            at = process_time_ns()
            for _ in range(times):
                call()
            taken[count].append((process_time_ns() - at) / times / count)
    return {count: median(several) for count, several in taken.items()}


def _litert(path: Path, count: int, threads: int) -> Callable[[], Any]:
    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    (taken,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(taken["index"], [count, *taken["shape"][1:]])
    interpreter.allocate_tensors()
    interpreter.set_tensor(taken["index"], _pictures((count, *taken["shape"][1:]), taken["dtype"]))
    interpreter.invoke()
    assert interpreter.get_output_details()[0]["shape"][0] == count
    return interpreter.invoke  # type: ignore[no-any-return]  # the engine ships no types


def _onnx(path: Path, count: int, threads: int) -> Callable[[], Any]:
    model = onnx.load(path)
    for end in (*model.graph.input, *model.graph.output):
        end.type.tensor_type.shape.dim[0].dim_value = count
    del model.graph.value_info[:]
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (taken,), names = session.get_inputs(), [end.name for end in session.get_outputs()]
    feed = {taken.name: _pictures(taken.shape, _DTYPES[taken.type])}
    assert session.run(names, feed)[0].shape[0] == count
    return lambda: session.run(names, feed)


def _pictures(shape: Any, dtype: Any) -> Any:
    return np.random.default_rng(0).integers(0, 127, shape).astype(dtype)
