"""What is asked inside an environment: ``python -I probe.py NAME ARGUMENT…`` prints JSON.

Uses what the environment has and nothing of the checkout.
"""

import json
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

_NAMES = ("lepton_edge", "lepton_edge_converters", "lepton_edge_runtime")


def packages() -> list[str]:
    """Return which of our packages can be imported."""
    return [name for name in _NAMES if find_spec(name)]


def answer(bundle: str, backend: str, sample: str) -> list[Any]:
    """Return class and score of a picture, or of a tensor in an ``.npy`` file, and the backend that answered."""
    with _library().open_model(bundle, backend=backend) as model:
        result = model(_tensor(sample) if sample.endswith(".npy") else sample)
        top = result.to_dict()["classes"][0]  # as --json prints it
        return [top["label"], top["score"], model.choice.backend]


def missing(part: str, bundle: str, picture: str) -> str:
    """Return what the library says when a part is used; empty if it is there."""
    library = _library()
    try:
        if part in {"tflite", "onnx"}:
            library.open_model(bundle, backend=part).close()
        elif part == "camera":
            with library.Camera(Path(picture).parent) as camera:
                next(iter(camera))
        elif part == "convert":
            library.convert("none.keras", "none.lepton")
        elif part == "demo":
            with TemporaryDirectory() as folder:
                import_module("lepton_edge.demo").run_demo(Path(folder), progress=lambda *_: None)
    except library.LeptonError as error:
        return str(error)
    return ""


PROBES: dict[str, Callable[..., Any]] = {"packages": packages, "answer": answer, "missing": missing}


def _library() -> Any:
    return import_module(next(name for name in ("lepton_edge", "lepton_edge_runtime") if find_spec(name)))


def _tensor(path: str) -> Any:
    import numpy as np

    return np.load(path).astype(np.float32)


if __name__ == "__main__":
    print(json.dumps(PROBES[sys.argv[1]](*sys.argv[2:])))
