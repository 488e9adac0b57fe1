"""SavedModel to TFLite, by TensorFlow's converter; runs in the worker."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.lite.python.convert_phase import ConverterError

from lepton_edge_converters.errors import ConversionError
from lepton_edge_converters.exporters.flatbuffer import rename_ends
from lepton_edge_converters.exporters.stored import store_weights_as_int8
from lepton_edge_converters.facts import ModelFacts
from lepton_edge_converters.recipe import Scheme
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.worker import report_progress

_MISSING = re.compile(r"'tf\.(\w+)' op is neither a custom op nor a flex op")


def export_tflite(
    traced: Path, facts: ModelFacts, scheme: Scheme, calibration: StoredSamples | None, out: Path
) -> None:
    """Write the traced model as TFLite, its inputs and outputs under the model's own names.

    Args:
        traced: The SavedModel that ``load.trace`` wrote.
        facts: Of the model.
        scheme: How numbers are stored; ``int8`` has a room of its own, ``quantize/``.
        calibration: Samples that show the ranges of activations, for ``int16x8``.
        out: File to write.

    Raises:
        ConversionError: TensorFlow's converter refuses the model.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(str(traced))
    # Built-in operators only: LiteRT on a device has no TensorFlow ("Flex") kernels.
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if scheme not in ("float32", "weights"):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]  # alone: dynamic range
    if scheme == "float16":
        converter.target_spec.supported_types = [tf.float16]
    elif scheme == "int16x8":
        if calibration is None:
            raise ConversionError("int16x8 needs samples to calibrate with")
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]
        converter.representative_dataset = lambda: calibration_feed(calibration)
    content = converted(converter)
    if scheme == "weights":
        content = store_weights_as_int8(content)
    out.write_bytes(rename_ends(content, [end.name for end in facts.inputs], [end.name for end in facts.outputs]))


def converted(converter: Any) -> bytes:
    """Return what TensorFlow's converter writes.

    Raises:
        ConversionError: The model has operators that TFLite has not, each named.
    """
    try:
        return bytes(converter.convert())
    except ConverterError as refused:
        missing = sorted(set(_MISSING.findall(str(refused))))
        if not missing:
            raise
        raise ConversionError(
            f"TFLite has no operator for TensorFlow's {', '.join(missing)}, and devices have no others; write that "
            "part of the model with other operations, or leave it out and compute it behind the model"
        ) from refused


def calibration_feed(samples: StoredSamples) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield samples as the signature of a traced model takes them; among pictures, the first has both extremes."""
    count = len(samples)
    for sample in range(count):
        batch = samples.real(sample, sample + 1)
        if sample == 0:
            batch = [_with_extremes(t, p) for t, p in zip(batch, samples.preprocess, strict=True)]
        report_progress("calibration", sample + 1, count)
        yield {f"input_{i}": tensor for i, tensor in enumerate(batch)}


def _with_extremes(tensor: NDArray[Any], preprocess: Any) -> NDArray[Any]:
    """Return a picture whose first two pixels are all 0 and all 255.

    Pictures that never show both ends would make the input scale 0.99999678 instead of 1, and then raw
    bytes could not go in untouched. Two pixels of one sample move no other range.
    """
    if preprocess is None:
        return tensor
    levels = preprocess.levels().astype(np.float32)
    tensor = tensor.copy()
    tensor.reshape(-1, preprocess.channels)[0] = levels[0]
    tensor.reshape(-1, preprocess.channels)[-1] = levels[255]
    return tensor
