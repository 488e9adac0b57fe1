"""The second route to an int8 ONNX file: a float graph, quantized by ONNX Runtime on the same samples."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from lepton_edge_converters.errors import ConversionError
from lepton_edge_converters.facts import ModelFacts
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.scopes import lies_in, paths
from lepton_edge_runtime.formats import ModelFile
from lepton_edge_runtime.tensors import TensorSpec


def requantize(
    model: onnx.ModelProto,
    facts: ModelFacts,
    calibration: StoredSamples,
    float_layers: tuple[str, ...],
    file: ModelFile,
) -> onnx.ModelProto:
    """Return the float model with uint8 activations and int8 weights per channel, its ends those of the TFLite file.

    Args:
        model: Changed on the way.
        facts: Of the model.
        calibration: Samples that show the ranges of activations.
        float_layers: Names of layers that stay in float.
        file: The TFLite file; one card describes both.

    Raises:
        ConversionError: A name is no layer's.
    """
    _widen_biases(model)
    quantized = _quantized(model, facts, calibration, float_layers)
    _adapt_ends(quantized, file)
    return quantized


def _widen_biases(model: onnx.ModelProto) -> None:
    """Write a Gemm's single-number bias once a channel, since ONNX Runtime's quantizer asks for each channel's.

    A hard swish behind a Dense layer has one: its 3 is added by the Gemm.
    """
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for i, node in enumerate(model.graph.node):
        if node.op_type != "Gemm" or len(node.input) < 3:
            continue
        weights, bias = constants.get(node.input[1]), constants.get(node.input[2])
        if weights is None or bias is None or bias.size != 1:
            continue
        transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
        wide = np.full(weights.shape[0 if transposed else 1], bias.reshape(()), bias.dtype)
        node.input[2] = f"gemm_{i}_bias"
        model.graph.initializer.append(numpy_helper.from_array(wide, node.input[2]))


def _quantized(
    model: onnx.ModelProto, facts: ModelFacts, calibration: StoredSamples, float_layers: tuple[str, ...]
) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder:
        plain, prepared, quantized = (Path(folder, f"{name}.onnx") for name in ("plain", "prepared", "quantized"))
        onnx.save(model, plain)
        quant_pre_process(str(plain), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(quantized),
            _Calibration(facts, calibration),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            nodes_to_exclude=_in_float(onnx.load(prepared), facts, float_layers),
        )
        return onnx.load(quantized)


def _in_float(model: onnx.ModelProto, facts: ModelFacts, layers: tuple[str, ...]) -> list[str]:
    """Return the names of the nodes that belong to these layers.

    A name that means one of a layer's operators in TFLite, ``norm/mul``, means all of that layer here.
    """
    found = {node.name: list(paths(node.name, facts.layer_names)) for node in model.graph.node}
    chosen: set[str] = set()
    for layer in layers:
        meant = _within(found, layer) or _within(found, layer.rpartition("/")[0])
        if not meant:
            raise ConversionError(f"float_layers: ONNX has no layer {layer!r}; leave ONNX out (--formats tflite)")
        chosen |= meant
    return sorted(chosen)


def _within(found: dict[str, list[tuple[str, ...]]], layer: str) -> set[str]:
    return {name for name, lying in found.items() if layer and any(lies_in(path, layer) for path in lying)}


class _Calibration(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime ships no types
    """Feeds the calibration samples, one by one."""

    def __init__(self, facts: ModelFacts, samples: StoredSamples) -> None:
        self._names = [end.name for end in facts.inputs]
        self._samples = samples
        self._next = 0

    def get_next(self) -> dict[str, Any] | None:
        """Return the next sample, or ``None`` after the last one."""
        if self._next >= len(self._samples):
            return None
        batch = self._samples.real(self._next, self._next + 1)
        self._next += 1
        return dict(zip(self._names, batch, strict=True))


def _adapt_ends(model: onnx.ModelProto, file: ModelFile) -> None:
    """Give a float-ended model the integer ends of the TFLite file, so that one card describes both."""
    nodes = list(model.graph.node)
    for ends, specs, kind in (
        (model.graph.input, file.inputs, "DequantizeLinear"),
        (model.graph.output, file.outputs, "QuantizeLinear"),
    ):
        by_name = {spec.name: spec for spec in specs}
        for end in ends:
            spec = by_name[end.name]
            if spec.quant is None or end.type.tensor_type.elem_type != TensorProto.FLOAT:
                continue
            inner = f"{end.name}_real"
            _rename_nodes(nodes, end.name, inner)
            stored, real = (end.name, inner) if kind == "DequantizeLinear" else (inner, end.name)
            nodes.append(helper.make_node(kind, [stored, *_scaling(model, spec)], [real]))
            end.type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(np.dtype(spec.dtype))
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _rename_nodes(nodes: list[onnx.NodeProto], old: str, new: str) -> None:
    for node in nodes:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]


def _scaling(model: onnx.ModelProto, spec: TensorSpec) -> tuple[str, str]:
    assert spec.quant is not None  # noqa: S101 - the caller looked
    scale, zero_point = f"{spec.name}_end_scale", f"{spec.name}_end_zero_point"
    model.graph.initializer.append(numpy_helper.from_array(np.array(spec.quant.scale, np.float32), scale))
    model.graph.initializer.append(numpy_helper.from_array(np.array(spec.quant.zero_point, spec.dtype), zero_point))
    return scale, zero_point
