"""What is loaded to see whether it loads: ``python -m lepton_edge_runtime.diagnosis.probe NAME`` prints JSON.

In a process of its own: a package built for another processor kills the one that loads it.
"""

import json
import sys
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

PROBES: Mapping[str, str] = {"tflite": "diagnosis/relu.tflite", "onnx": "backends/saturation_probe.onnx"}
"""A tiny model for each row of ``BACKENDS``."""


def probe_engine(name: str) -> dict[str, Any]:
    """Return the engine's name and how it was set up, after it has run a tiny model."""
    from lepton_edge_runtime.backends import open_backend  # noqa: PLC0415 - in the child only
    from lepton_edge_runtime.choice import engine_version  # noqa: PLC0415 - in the child only

    content = files("lepton_edge_runtime").joinpath(PROBES[name]).read_bytes()
    backend = open_backend(name, content)
    backend.run()
    # Where they do overflow, the backend's own note says so.
    exact = name == "onnx" and not backend.notes
    observed = ["its 8-bit kernels do not overflow here (tried out)"] if exact else []
    return {"engine": engine_version(name), "notes": list(backend.notes), "observed": observed}


def probe_opencv() -> dict[str, Any]:
    """Return OpenCV's version and what it was built with."""
    import cv2  # noqa: PLC0415 - in the child only

    return {"version": cv2.__version__, "build": cv2.getBuildInformation()}


def main() -> None:
    """Answer the parent."""
    name = sys.argv[1]
    answer: Callable[[], dict[str, Any]] = probe_opencv if name == "cv2" else lambda: probe_engine(name)
    print(json.dumps(answer()))  # noqa: T201 - to the parent


if __name__ == "__main__":
    main()
