"""What is measured in a fresh process: ``python -m benchmarks.probes NAME ARGUMENT`` prints JSON.

Nothing but the bare minimum is imported at the top: it would be missing from the costs.
"""

import sys
from importlib import import_module
from pathlib import Path
from time import perf_counter_ns, process_time_ns
from typing import Any

_HEAVY = ("numpy", "cv2", "ai_edge_litert", "onnxruntime", "onnx", "tensorflow", "keras", "matplotlib", "rich")


def import_cost(target: str) -> dict[str, object]:
    """Return what importing ``module`` or ``module:name`` takes, in ms, and what it loads."""
    module, _, name = target.partition(":")
    loaded = len(sys.modules)
    wall, cpu = perf_counter_ns(), process_time_ns()
    imported = import_module(module)
    if name:
        getattr(imported, name)
    cpu_ms, wall_ms = (process_time_ns() - cpu) / 1e6, (perf_counter_ns() - wall) / 1e6
    heavy = [one for one in _HEAVY if one in sys.modules]
    return {"cpu_ms": cpu_ms, "wall_ms": wall_ms, "modules": len(sys.modules) - loaded, "heavy": heavy}


def resident_ours(bundle: str) -> dict[str, object]:
    """Return the memory of a process that has answered one 720p frame."""
    from lepton_edge import open_model

    with open_model(bundle) as model:
        model(_frame())
        return _memory()


def resident_bare(tflite: str) -> dict[str, object]:
    """Return the same of the shortest code on the bare engine that does the same."""
    import cv2
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=tflite, num_threads=1)
    interpreter.allocate_tensors()
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    _, height, width, _ = taken["shape"]
    rgb = cv2.cvtColor(cv2.resize(_frame(), (width, height)), cv2.COLOR_BGR2RGB)
    interpreter.set_tensor(taken["index"], rgb[None])
    interpreter.invoke()
    interpreter.get_tensor(given["index"]).argmax()
    return _memory()


PROBES = {"import_cost": import_cost, "resident_ours": resident_ours, "resident_bare": resident_bare}


def _frame() -> Any:
    import numpy as np

    return np.full((720, 1280, 3), 127, np.uint8)  # not zeros, which Linux would not give memory for


def _memory() -> dict[str, object]:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}
    return {"now_mb": kilobytes["VmRSS"] / 1024, "peak_mb": kilobytes["VmHWM"] / 1024}


def main() -> None:
    """Run the probe named on the command line."""
    answer = PROBES[sys.argv[1]](sys.argv[2])
    import json

    print(json.dumps(answer))


if __name__ == "__main__":
    main()
