"""ONNX from the TFLite file, with its very scales, or from the traced model; runs in the worker."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from onnx import helper, numpy_helper
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from lepton_edge_converters.errors import ConversionError
from lepton_edge_converters.exporters import DERIVED, REQUANTIZED, TRACED
from lepton_edge_converters.exporters.canonical import canonicalize
from lepton_edge_converters.exporters.flatbuffer import flatten_before_dense
from lepton_edge_converters.exporters.qdq import CannotDeriveError, derive
from lepton_edge_converters.exporters.requantized import requantize
from lepton_edge_converters.exporters.spared import keep_weights_real
from lepton_edge_converters.exporters.weights import (
    dequantize_at_load,
    round_activations,
    store_weights_as_float16,
    store_weights_as_int8,
)
from lepton_edge_converters.facts import ModelFacts
from lepton_edge_converters.recipe import CALIBRATED, Scheme
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.worker import report_progress
from lepton_edge_runtime.errors import typed_line
from lepton_edge_runtime.formats import CARD_KEY, ModelFile
from lepton_edge_runtime.formats.tflite import read_tflite
from lepton_edge_runtime.tensors import OPEN, TensorSpec

_OPSET = 18  # the newest that tf2onnx writes
_BATCH = "batch"
_OPSET_16_BITS = 21  # the first whose QuantizeLinear takes int16
_STANDARD_DOMAINS = ("", "ai.onnx")

# tf2onnx walks through sets of nodes. By their names, not their addresses, they come in the same order each time,
# and with them the variables of a loop.
tf2onnx.graph.Node.__hash__ = lambda node: hash(node.name)


def export_onnx(
    tflite: Path,
    traced: Path,
    facts: ModelFacts,
    scheme: Scheme,
    calibration: StoredSamples | None,
    float_layers: tuple[str, ...],
    out: Path,
) -> str:
    """Write the model as ONNX and return the route that it took, for people.

    Args:
        tflite: The finished TFLite file, with the model's own names.
        traced: The SavedModel it was made from.
        facts: Of the model.
        scheme: How numbers are stored.
        calibration: Samples for the second route of ``int8``.
        float_layers: Names of layers that stay in float there; in a file derived from TFLite they are in float already.
        out: File to write.

    Raises:
        ConversionError: Neither route can go.
    """
    report_progress("ONNX", 0, 1)
    try:
        model, route = _derived(tflite, scheme), DERIVED
    except CannotDeriveError as reason:
        if scheme == "int16x8":
            raise ConversionError(
                f"int16x8 ONNX is derived from the TFLite file or not at all, and here it cannot be: {reason}; "
                "leave it out (--formats tflite)"
            ) from reason
        model, route = _traced(tflite, traced, facts, scheme, calibration, float_layers)
        route = f"{route} (not derived from the TFLite file: {reason})"
    _free_batch(model, read_tflite(tflite.read_bytes()))
    onnx.checker.check_model(model)
    out.write_bytes(model.SerializeToString(deterministic=True))
    return route


def embed_card(content: bytes, card: bytes) -> bytes:
    """Return the file with our card in its ``metadata_props``."""
    model = onnx.load_from_string(content)
    helper.set_model_props(model, {CARD_KEY: card.decode()})
    return bytes(model.SerializeToString(deterministic=True))


def _derived(tflite: Path, scheme: Scheme) -> onnx.ModelProto:
    content = tflite.read_bytes()
    file = read_tflite(content)
    if scheme == "dynamic":
        # tf2onnx does not know that the activations are integers for a moment.
        raise CannotDeriveError("its activations are quantized as they come, which ONNX does in float")
    if "WHILE" in file.counts():
        # Read from there, a loop stays a loop, or becomes an invalid one; from the trace, it becomes an LSTM or GRU.
        raise CannotDeriveError("it has a loop")
    try:
        with tempfile.NamedTemporaryFile(suffix=".tflite") as prepared:
            prepared.write(flatten_before_dense(content))
            prepared.flush()
            model: onnx.ModelProto = tf2onnx.convert.from_tflite(prepared.name, opset=_OPSET)[0]
    except Exception as refused:
        # tf2onnx raises anything from KeyError to AssertionError on operators it does not know.
        raise CannotDeriveError(f"tf2onnx: {typed_line(refused, most=200)}") from refused
    if unknown := _unknown_to_onnx(model):
        raise CannotDeriveError(f"ONNX has no {unknown}")
    if scheme in CALIBRATED:
        derive(model)
        keep_weights_real(model)
    if scheme == "weights":
        # Not where activations are integers: ONNX Runtime would quantize such weights anew, all channels by one scale.
        dequantize_at_load(model)
    if scheme == "int16x8":
        _allow_16_bits(model)
    if scheme == "float16":
        store_weights_as_float16(model, only_exact=True)  # tf2onnx has widened them
    canonicalize(model, _names(file.inputs), _names(file.outputs))
    return model


def _traced(
    tflite: Path,
    traced: Path,
    facts: ModelFacts,
    scheme: Scheme,
    calibration: StoredSamples | None,
    float_layers: tuple[str, ...],
) -> tuple[onnx.ModelProto, str]:
    model = _from_traced(traced, facts)
    _replace_erfc(model)
    if unknown := _unknown_to_onnx(model):
        raise ConversionError(
            f"the model cannot be written as ONNX, which has no {unknown}; leave it out (--formats tflite)"
        )
    if scheme == "float16":
        store_weights_as_float16(model, only_exact=False)
    if scheme in ("dynamic", "weights"):
        store_weights_as_int8(model)
        if scheme == "dynamic":
            round_activations(model)
        dequantize_at_load(model)
    if scheme == "int8":
        if calibration is None:
            raise ConversionError("int8 needs samples to calibrate with")
        model = requantize(model, facts, calibration, float_layers, read_tflite(tflite.read_bytes()))
        keep_weights_real(model)
    canonicalize(model, [end.name for end in facts.inputs], [end.name for end in facts.outputs])
    return model, REQUANTIZED if scheme == "int8" else TRACED


def _allow_16_bits(model: onnx.ModelProto) -> None:
    """Raise the version of the operators to the first that quantizes to 16 bits; the others mean what they did."""
    for opset in model.opset_import:
        if opset.domain in _STANDARD_DOMAINS:
            opset.version = _OPSET_16_BITS
    model.ir_version = helper.find_min_ir_version_for(model.opset_import)


def _unknown_to_onnx(model: onnx.ModelProto) -> str:
    """Return the operators that the standard has not, for people; empty if it has all."""
    unknown = {
        node.op_type
        for node in model.graph.node
        if node.domain not in _STANDARD_DOMAINS or not onnx.defs.has(node.op_type)
    }
    return ", ".join(sorted(unknown))


def _from_traced(traced: Path, facts: ModelFacts) -> onnx.ModelProto:
    """Return the traced model as float ONNX, its ends under the model's own names."""
    loaded = tf.saved_model.load(str(traced))
    frozen = convert_variables_to_constants_v2(loaded.signatures["serving_default"], lower_control_flow=False)
    outputs = _frozen_outputs(loaded, frozen, len(facts.outputs))
    inputs = [f"input_{i}:0" for i in range(len(facts.inputs))]
    model: onnx.ModelProto
    model, _ = tf2onnx.convert.from_graph_def(
        frozen.graph.as_graph_def(), opset=_OPSET, input_names=inputs, output_names=outputs
    )
    ours = dict(zip(inputs, (end.name for end in facts.inputs), strict=True))
    ours |= dict(zip(outputs, (end.name for end in facts.outputs), strict=True))
    _rename(model, ours)
    return model


def _frozen_outputs(loaded: Any, frozen: Any, count: int) -> list[str]:
    """Return the graph's names for ``output_0`` …: a frozen function gives its outputs sorted by key."""
    keys = sorted(loaded.signatures["serving_default"].structured_outputs)
    names = dict(zip(keys, (tensor.name for tensor in frozen.outputs), strict=True))
    return [names[f"output_{i}"] for i in range(count)]


def _rename(model: onnx.ModelProto, names: dict[str, str]) -> None:
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for end in (*model.graph.input, *model.graph.output):
        end.name = names.get(end.name, end.name)


def _replace_erfc(model: onnx.ModelProto) -> None:
    """Write the exact GELU's ``Erfc``, which ONNX does not have, as ``1 - Erf``."""
    nodes = []
    for i, node in enumerate(model.graph.node):
        if node.op_type != "Erfc":
            nodes.append(node)
            continue
        one, erf = f"erfc_{i}_one", f"erfc_{i}_erf"
        model.graph.initializer.append(numpy_helper.from_array(np.array(1, np.float32), one))
        nodes.append(helper.make_node("Erf", list(node.input), [erf]))
        nodes.append(helper.make_node("Sub", [one, erf], list(node.output)))
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _free_batch(model: onnx.ModelProto, file: ModelFile) -> None:
    """Give the ends whose first axis the TFLite file leaves open the file's shape, that axis called ``batch``."""
    free = {spec.name: spec.shape[1:] for spec in (*file.inputs, *file.outputs) if spec.shape[:1] == (OPEN,)}
    for end in (*model.graph.input, *model.graph.output):
        if end.name in free:
            shape: list[int | str | None] = [_BATCH, *free[end.name]]
            end.CopyFrom(helper.make_tensor_value_info(end.name, end.type.tensor_type.elem_type, shape))


def _names(specs: tuple[TensorSpec, ...]) -> list[str]:
    return [spec.name for spec in specs]
