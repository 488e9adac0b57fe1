"""How long models take in 8 bits, whatever they answer: files made of them for their time alone."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from warnings import catch_warnings, filterwarnings

import numpy as np

from lepton_edge_converters.latency import Target
from lepton_edge_converters.recipe import Scheme
from lepton_edge_converters.samples import store
from lepton_edge_converters.samples.synthetic import SyntheticSamples
from lepton_edge_converters.speed import Timings, time_fairly
from lepton_edge_runtime.backends import open_backend

_SAMPLES = 2  # ranges do not change the time
_SECONDS = 2.0


def time_models(models: Mapping[str, Any], target: Target) -> Timings:
    """Return interleaved timings of Keras 3 models on an engine, by their names.

    Each becomes a file as ``convert`` makes it, with the ranges of two synthetic samples.

    Raises:
        ConversionError: One of them cannot be converted.
        MissingExtraError: The engine is not installed.
    """
    with TemporaryDirectory(prefix="lepton-edge-") as made, ExitStack() as stack:
        calls = {}
        for place, (name, model) in enumerate(models.items()):
            folder = Path(made) / str(place)
            folder.mkdir()
            with catch_warnings():
                filterwarnings(
                    "ignore", ".*tf.lite.Interpreter is deprecated", UserWarning
                )  # it is only the calibrator
                content = _content(model, target, folder)
            backend = open_backend(target.engine, content, threads=target.threads)
            stack.callback(backend.close)
            calls[name] = backend.run
        return time_fairly(calls, seconds=_SECONDS)


def _content(model: Any, target: Target, folder: Path) -> bytes:
    """Return a model as a file for the target's engine."""
    # Whoever has a Keras model has TensorFlow.
    from lepton_edge_converters.exporters.onnx import export_onnx  # noqa: PLC0415
    from lepton_edge_converters.exporters.tflite import export_tflite  # noqa: PLC0415
    from lepton_edge_converters.load.keras3 import Keras3Model  # noqa: PLC0415
    from lepton_edge_converters.load.trace import trace  # noqa: PLC0415
    from lepton_edge_converters.quantize.export import export_int8  # noqa: PLC0415

    loaded = Keras3Model(model)
    facts = loaded.describe(sha256="", picture_size=None, sample_shapes=[])
    preprocess = (None,) * len(facts.inputs)
    made = SyntheticSamples(facts.inputs, preprocess, count=_SAMPLES, seed=0)
    samples = store(made, np.arange(_SAMPLES), preprocess, folder, "samples")
    traced, tflite = folder / "traced", folder / "model.tflite"
    loops = trace(loaded, facts, traced)
    if loops:
        traced = folder / "unrolled"
        trace(loaded, facts, traced, unroll=True)
    scheme: Scheme = "int8" if target.quantized else "float32"
    if target.quantized:
        export_int8(traced, facts, samples, "minmax", (), "float32", tflite)
    else:
        export_tflite(traced, facts, scheme, None, tflite)
    if target.engine == "tflite":
        return tflite.read_bytes()
    export_onnx(tflite, traced, facts, scheme, samples, (), folder / "model.onnx")
    return (folder / "model.onnx").read_bytes()
