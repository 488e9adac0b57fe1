"""What the library weighs: import time, resident memory, load time."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from ai_edge_litert.interpreter import Interpreter

import lepton_edge as le
from benchmarks.children import run_child
from benchmarks.table import Cell, Table, at_most, side_by_side
from benchmarks.workshop import Workshop
from lepton_edge_runtime.choice import check_golden, engine_version, open_proved
from lepton_edge_runtime.opening import read_candidate
from lepton_edge_runtime.timing import time_interleaved

_RUNS = 7
_LOADS_MAX = 200
_IMPORT_BUDGET_MS = 100.0
_MEMORY_BUDGET_MB = 110.0
_LOAD_BUDGET_MS = 15.0

_IMPORTS = ("numpy", "lepton_edge", "lepton_edge_runtime", "lepton_edge:open_model", "lepton_edge:convert")


def measure(workshop: Workshop, seconds: float) -> tuple[Table, ...]:
    """Return import, memory and load, each beside the bare packages."""
    bundle = workshop.bundle(workshop.mobilenet_v2)
    tflite = workshop.member(bundle, "model.tflite")
    return _imports(), _memory(bundle, tflite), _load(bundle, tflite, seconds)


def _probe(calls: Sequence[tuple[str, str | Path]]) -> list[list[dict[str, Any]]]:
    """Return each probe's answers, each from a fresh process, in turn."""
    answers: list[list[dict[str, Any]]] = [[] for _ in calls]
    for _ in range(_RUNS):
        for i, (probe, argument) in enumerate(calls):
            answers[i].append(json.loads(run_child("probes", probe, argument)))
    return answers


def _middle(answers: Sequence[dict[str, Any]], key: str) -> tuple[float, float]:
    """Return the median and the minimum."""
    values = [float(answer[key]) for answer in answers]
    return median(values), min(values)


def _imports() -> Table:
    rows: list[tuple[Cell, ...]] = []
    measured = _probe([("import_cost", target) for target in _IMPORTS])
    numpy_cpu = _middle(measured[0], "cpu_ms")[0]
    for target, answers in zip(_IMPORTS, measured, strict=True):
        cpu, cpu_minimum = _middle(answers, "cpu_ms")
        heavy = ", ".join(answers[0]["heavy"]) or "none"
        budget = at_most(cpu, _IMPORT_BUDGET_MS, "ms CPU") if target == "lepton_edge" else None
        rows.append(
            (
                "from {} import {}".format(*target.split(":")) if ":" in target else f"import {target}",
                cpu,
                cpu_minimum,
                cpu / numpy_cpu,
                *_middle(answers, "wall_ms"),
                int(answers[0]["modules"]),
                heavy,
                budget,
            )
        )
    columns = ("statement", "CPU", "(min)", "× numpy", "wall", "(min)", "modules", "heavy ones", "budget")
    return Table("Import, ms", columns, tuple(rows), (f"Median of {_RUNS} fresh processes each, in turn.",))


def _memory(bundle: Path, tflite: Path) -> Table:
    ours, bare = _probe([("resident_ours", bundle), ("resident_bare", tflite)])
    peak, bare_peak = _middle(ours, "peak_mb")[0], _middle(bare, "peak_mb")[0]
    budget = at_most(peak, _MEMORY_BUDGET_MB, "MB")
    rows: tuple[tuple[Cell, ...], ...] = (
        ("bare LiteRT and OpenCV", bare_peak, _middle(bare, "now_mb")[0], 1.0, None),
        ("open_model(bundle)(frame)", peak, _middle(ours, "now_mb")[0], peak / bare_peak, budget),
    )
    columns = ("process", "peak", "after", "× bare", "budget")
    title = "Resident memory after one 720p frame, MobileNetV2 int8, MB"
    return Table(title, columns, rows, (f"Median of {_RUNS} fresh processes each, in turn.",))


def _load(bundle: Path, tflite: Path, seconds: float) -> Table:
    candidate = read_candidate(bundle)
    runner = open_proved(candidate, "tflite", 1)
    latencies = time_interleaved(
        {
            "bare Interpreter, first run included": lambda: _bare(tflite),
            "open_model(bundle)": lambda: le.open_model(bundle, backend="tflite").close(),
            "the golden check in it": lambda: check_golden(runner, candidate, "model.tflite"),
        },
        seconds=seconds,
        runs_max=_LOADS_MAX,
        warm=True,
    )
    runner.backend.close()
    bare, ours, golden = latencies.values()
    budget = at_most(ours.median_ms - golden.median_ms, _LOAD_BUDGET_MS, "ms + golden check")
    budgets = (None, budget, None)
    rows = tuple(
        (name, *side_by_side(one, bare), verdict)
        for (name, one), verdict in zip(latencies.items(), budgets, strict=True)
    )
    columns = ("step", "median", "minimum", "× bare", "× bare (min)", "budget")
    title = f"Load, MobileNetV2 int8, {engine_version('tflite')}, ms"
    return Table(title, columns, rows, (f"{bare.runs} interleaved loads each, packages imported before.",))


def _bare(tflite: Path) -> None:
    interpreter = Interpreter(model_path=str(tflite), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.invoke()
