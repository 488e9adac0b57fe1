"""The peers' ONNX files; run as a child, since it imports TensorFlow.

``python -m benchmarks.quantize_onnx FLOAT.onnx SAMPLES.npy INT8.tflite FOLDER`` writes ``qdq.onnx``, the
float model quantized by ONNX Runtime, and ``as_is.onnx``, the TFLite file as tf2onnx reads it.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import tf2onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

_OPSET = 18  # the newest that tf2onnx writes


class Samples(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime ships no types
    """Feeds one sample after the other: n × the input's shape, ``float32``."""

    def __init__(self, name: str, path: Path) -> None:
        self._feeds = iter([{name: sample[np.newaxis]} for sample in np.load(path, mmap_mode="r")])

    def get_next(self) -> dict[str, Any] | None:
        """Return the next sample, or ``None`` after the last one."""
        return next(self._feeds, None)


def quantize(model: Path, samples: Path, out: Path) -> None:
    """Write the model as ONNX Runtime quantizes it for x86: uint8 activations, int8 weights per channel."""
    prepared = out.with_suffix(".prepared.onnx")
    # Symbolic shapes would need sympy, and there are none: the batch is 1.
    quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
    name = ort.InferenceSession(prepared, providers=["CPUExecutionProvider"]).get_inputs()[0].name
    quantize_static(
        str(prepared),
        str(out),
        Samples(name, samples),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
    )


def main() -> None:
    """Write both files."""
    model, samples, tflite, folder = map(Path, sys.argv[1:])
    quantize(model, samples, folder / "qdq.onnx")
    tf2onnx.convert.from_tflite(str(tflite), opset=_OPSET, output_path=str(folder / "as_is.onnx"))


if __name__ == "__main__":
    main()
