"""TensorFlow's calibrator and its 8-bit quantizer, each by itself: calibrate once, quantize as often as one likes.

``TFLiteConverter`` runs the two behind one call. Apart, a file is quantized anew in under a second, with other ranges
or with some operators left in float. Runs in the worker.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.lite.python.convert import deduplicate_readonly_buffers, mlir_quantize

from lepton_edge_converters.errors import ConversionError
from lepton_edge_converters.exporters.flatbuffer import without_metadata
from lepton_edge_converters.exporters.tflite import calibration_feed, converted
from lepton_edge_converters.recipe import Io
from lepton_edge_converters.samples import StoredSamples

_CONVERTERS_NOTE = "CONVERSION_METADATA"
_TRAINED = Path("assets.extra", "calibrated.tflite")  # where a SavedModel may carry what is not its own


def calibrate(traced: Path, calibration: StoredSamples | None) -> Path:
    """Return the traced model as float TFLite with the range of each tensor; beside it, and made once.

    One whose ranges were trained brings it along.

    Raises:
        ConversionError: There are no samples, or TensorFlow's converter refuses the model.
    """
    if (traced / _TRAINED).exists():
        return traced / _TRAINED
    out = traced.with_name(f"{traced.name}.calibrated.tflite")
    if out.exists():
        return out
    if calibration is None:
        raise ConversionError("int8 needs samples to calibrate with")
    converter: Any = tf.lite.TFLiteConverter.from_saved_model(str(traced))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    # Built-in operators only: LiteRT on a device has no TensorFlow ("Flex") kernels.
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.representative_dataset = lambda: calibration_feed(calibration)
    converter._experimental_calibrate_only = True  # noqa: SLF001 - there is no other way to stop before quantizing
    # What the converter notes of itself holds a hash of this file; the manifest says which versions made what.
    out.write_bytes(without_metadata(converted(converter), _CONVERTERS_NOTE))
    return out


def keep_trained(traced: Path, content: bytes) -> None:
    """Let a traced model carry the calibrated file whose ranges were trained."""
    (traced / _TRAINED).parent.mkdir(exist_ok=True)
    (traced / _TRAINED).write_bytes(content)


def is_trained(calibrated: Path) -> bool:
    """Return whether the ranges of a file that ``calibrate`` gave were trained."""
    return Path(*calibrated.parts[-2:]) == _TRAINED


def quantize(calibrated: bytes, *, io: Io = "float32", in_float: Collection[str] = ()) -> bytes:
    """Return a calibrated file with weights and activations in 8 bits.

    Args:
        calibrated: From ``calibrate``, its ranges replaced or not.
        io: Type of the inputs and outputs.
        in_float: Names of operators that stay as they are: those of their first outputs.
    """
    end = getattr(tf, io)
    content = mlir_quantize(
        calibrated, input_data_type=end, output_data_type=end, denylisted_nodes=set(in_float) or None
    )
    return bytes(deduplicate_readonly_buffers(content))
