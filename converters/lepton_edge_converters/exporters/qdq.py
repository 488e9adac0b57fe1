"""Exact rewrites that make a QDQ graph read from TFLite as fast as ONNX Runtime's own.

TFLite stores activations as int8; ONNX Runtime's kernels want uint8 activations with int8 weights, and
Q directly behind the operator. Adding 128 to every activation and its zero point changes no real number;
a Clip or Relu whose bounds the following QuantizeLinear's range implies does nothing.
"""

from collections import defaultdict
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

# Operators between Q and DQ that move integers about and compute nothing with them.
_MOVERS = frozenset(
    {
        *("Concat", "DepthToSpace", "Expand", "Flatten", "Gather", "GatherND", "Identity", "MaxPool", "Pad", "Reshape"),
        *("ReverseSequence", "Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze"),
    }
)
# Operators whose weights stay integers: the ones that 8 bits make fast.
_WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
_SHIFT = 128


class CannotDeriveError(Exception):
    """The graph holds what these rewrites do not know; another route must be taken."""


def derive(model: onnx.ModelProto) -> None:
    """Rewrite a quantized graph, read from TFLite, in place; its answers stay the same.

    Raises:
        CannotDeriveError: An operator computes on stored integers in a way that the shift would change.
    """
    graph = _Graph(model)
    graph.keep_integer_ends()
    graph.shift_activations()
    graph.drop_requantizing_pairs()
    graph.drop_implied_clips()
    graph.keep_constants_real()
    graph.narrow_biases()
    graph.write_back()


class _Graph:
    """The model's graph with its initializers as arrays, by name."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._graph = model.graph
        self.nodes = list(model.graph.node)
        self.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        self.inputs = {end.name: end.type.tensor_type.elem_type for end in model.graph.input}
        self.outputs = {end.name: end.type.tensor_type.elem_type for end in model.graph.output}
        self._made = 0

    def keep_integer_ends(self) -> None:
        """Put a DQ → Q pair behind int8 inputs and before int8 outputs, so that all between may be uint8."""
        for name in [name for name, kind in self.inputs.items() if kind == TensorProto.INT8]:
            scaling = self._scaling_behind(name)
            real, stored = self._name(), self._name()
            for node in self.nodes:
                node.input[:] = [stored if one == name else one for one in node.input]
            self.nodes.append(helper.make_node("DequantizeLinear", [name, *scaling], [real]))
            self.nodes.append(helper.make_node("QuantizeLinear", [real, *scaling], [stored]))
        for name in [name for name, kind in self.outputs.items() if kind == TensorProto.INT8]:
            maker = next(node for node in self.nodes if name in node.output)
            real, stored = self._name(), self._name()
            scaling = self._scaling_before(name)
            for node in self.nodes:
                node.input[:] = [stored if one == name else one for one in node.input]
            maker.output[:] = [stored if one == name else one for one in maker.output]
            self.nodes.append(helper.make_node("DequantizeLinear", [stored, *scaling], [real]))
            self.nodes.append(helper.make_node("QuantizeLinear", [real, *scaling], [name]))

    def shift_activations(self) -> None:
        """Turn int8 activations into uint8, their zero points 128 higher."""
        kinds = self._activation_kinds()
        ends = {*self.inputs, *self.outputs}
        for node in self.nodes:
            stored = _stored_end(node)
            if stored in kinds and stored not in ends:
                node.input[2] = self._shifted_zero_point(node)
            elif stored is None and any(name in kinds for name in node.input):
                self._shift_mover(node, kinds)

    def drop_requantizing_pairs(self) -> None:
        """Drop DQ → Q where both have one scale and zero point: quantizing gives the same integers back."""
        makers = {node.output[0]: node for node in self.nodes}
        for node in [n for n in self.nodes if n.op_type == "QuantizeLinear"]:
            before = makers.get(node.input[0])
            if before is None or before.op_type != "DequantizeLinear" or node.output[0] in self.outputs:
                continue
            if before.input[0] in self.constants or not self._same_scaling(before, node):
                continue
            for reader in self.nodes:
                reader.input[:] = [before.input[0] if name == node.output[0] else name for name in reader.input]
            self.nodes.remove(node)

    def drop_implied_clips(self) -> None:
        """Drop each Clip or Relu all of whose readers quantize to a range within its bounds."""
        readers = defaultdict(list)
        for node in self.nodes:
            for name in node.input:
                readers[name].append(node)
        for node in [n for n in self.nodes if n.op_type in ("Clip", "Relu")]:
            after = readers[node.output[0]]
            if node.output[0] in self.outputs or not after or not all(self._implies(reader, node) for reader in after):
                continue
            for reader in after:
                reader.input[0] = node.input[0]
            self.nodes.remove(node)

    def keep_constants_real(self) -> None:
        """Store constants of element-wise operators as the real numbers that they stand for.

        Quantized, they tempt ONNX Runtime to compute the operator in integers, with other roundings than
        TFLite's, in some of its modes and not in others: decisions would depend on the processor.
        """
        readers = defaultdict(list)
        for node in self.nodes:
            for name in node.input:
                readers[name].append(node)
        for node in [n for n in self.nodes if n.op_type == "DequantizeLinear" and n.input[0] in self.constants]:
            real = self._real_constant(node)
            after = readers[node.output[0]]
            if real is None or not after or any(reader.op_type in _WEIGHTED for reader in after):
                continue
            name = self._constant(real)
            for reader in after:
                reader.input[:] = [name if one == node.output[0] else one for one in reader.input]
            self.nodes.remove(node)

    def narrow_biases(self) -> None:
        """Store biases of 64 bits, which TFLite has beside activations of 16, in 32: ONNX scales no wider ones."""
        for node in self.nodes:
            bias = self.constants.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
            if bias is None or bias.dtype != np.int64:
                continue
            if bias.size and max(-int(bias.min()), int(bias.max())) > np.iinfo(np.int32).max:
                raise CannotDeriveError("a bias needs more than 32 bits")
            scale = node.input[1]
            del node.input[:]  # its zero point, always 0, would be of 64 bits too
            node.input.extend([self._constant(bias.astype(np.int32)), scale])

    def write_back(self) -> None:
        """Store nodes and constants; shapes that tf2onnx noted hold no longer and are left out."""
        del self._graph.node[:]
        self._graph.node.extend(self.nodes)
        del self._graph.initializer[:]
        self._graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in self.constants.items())
        del self._graph.value_info[:]

    def _scaling_behind(self, name: str) -> list[str]:
        """Return scale and zero point of the first DQ behind a tensor, past operators that only move it."""
        waiting = [name]
        while waiting:
            tensor = waiting.pop(0)
            for node in self.nodes:
                if tensor not in node.input:
                    continue
                if node.op_type == "DequantizeLinear":
                    return list(node.input[1:])
                if node.op_type in _MOVERS:
                    waiting.extend(node.output)
        raise CannotDeriveError(f"the input {name!r} is never dequantized")

    def _scaling_before(self, name: str) -> list[str]:
        """Return scale and zero point of the Q that makes a tensor, past operators that only move it."""
        makers = {output: node for node in self.nodes for output in node.output}
        tensor = name
        while (maker := makers.get(tensor)) is not None and maker.op_type in _MOVERS:
            tensor = maker.input[0]
        if maker is None or maker.op_type != "QuantizeLinear":
            made_by = maker.op_type if maker is not None else "nothing"
            raise CannotDeriveError(f"the output {name!r} is made by {made_by}, not by quantizing")
        return list(maker.input[1:])

    def _activation_kinds(self) -> set[str]:
        """Return the tensors that hold int8 activations: what Q makes, and what movers make of it."""
        stored = {
            node.output[0]
            for node in self.nodes
            if node.op_type == "QuantizeLinear" and self._zero_point(node).dtype == np.int8
        }
        for _ in range(len(self.nodes)):
            moved = {
                name
                for node in self.nodes
                if node.op_type in _MOVERS and any(one in stored for one in node.input)
                for name in node.output
            }
            if moved <= stored:
                return stored
            stored |= moved
        return stored

    def _real_constant(self, node: onnx.NodeProto) -> NDArray[np.float32] | None:
        """Return what a DQ makes of a constant; ``None`` if it scales each channel by itself."""
        scale = self.constants.get(node.input[1])
        if scale is None or scale.size != 1:
            return None
        widened = self.constants[node.input[0]].astype(np.int32) - int(self._zero_point(node))
        return widened.astype(np.float32) * np.float32(scale)

    def _shift_mover(self, node: onnx.NodeProto, kinds: set[str]) -> None:
        if node.op_type not in _MOVERS:
            raise CannotDeriveError(f"{node.op_type} computes on stored integers")
        if node.op_type == "Pad":
            self._shift_padding(node)
            return
        if node.op_type == "Concat" and any(name not in kinds and name not in self.constants for name in node.input):
            raise CannotDeriveError("rows of a table of constants are joined with activations")
        for i, name in enumerate(node.input):
            # A constant beside an activation, as in Concat, is stored as the activation is.
            if name in self.constants and self.constants[name].dtype == np.int8 and name not in kinds:
                node.input[i] = self._constant((self.constants[name].astype(np.int16) + _SHIFT).astype(np.uint8))

    def _shift_padding(self, node: onnx.NodeProto) -> None:
        value = self.constants[node.input[2]] if len(node.input) > 2 and node.input[2] else np.array(0, np.int8)
        shifted = self._constant((value.astype(np.int16) + _SHIFT).astype(np.uint8))
        inputs = [*node.input[:2], shifted, *node.input[3:]]
        del node.input[:]
        node.input.extend(inputs)

    def _shifted_zero_point(self, node: onnx.NodeProto) -> str:
        return self._constant((self._zero_point(node).astype(np.int16) + _SHIFT).astype(np.uint8))

    def _zero_point(self, node: onnx.NodeProto) -> NDArray[Any]:
        if len(node.input) < 3 or node.input[2] not in self.constants:
            raise CannotDeriveError(f"{node.op_type} has no constant zero point")
        return np.asarray(self.constants[node.input[2]])

    def _same_scaling(self, one: onnx.NodeProto, other: onnx.NodeProto) -> bool:
        zero_points = self._zero_point(one), self._zero_point(other)
        scales = self.constants.get(one.input[1]), self.constants.get(other.input[1])
        return (
            zero_points[0].dtype == zero_points[1].dtype
            and np.array_equal(*zero_points)
            and scales[0] is not None
            and scales[1] is not None
            and np.array_equal(scales[0], scales[1])
        )

    def _implies(self, quantizer: onnx.NodeProto, clip: onnx.NodeProto) -> bool:
        """Return whether quantizing saturates at or inside the clip's bounds, so that clipping changes nothing."""
        if quantizer.op_type != "QuantizeLinear" or quantizer.input[0] != clip.output[0]:
            return False
        low, high = self._bounds(clip)
        scale, zero_point = self.constants.get(quantizer.input[1]), self._zero_point(quantizer)
        if scale is None or scale.size != 1:
            return False
        limits = np.iinfo(zero_point.dtype)
        lowest = np.rint(low / float(scale)) + int(zero_point)
        highest = np.rint(high / float(scale)) + int(zero_point)
        return bool(lowest <= limits.min and highest >= limits.max)

    def _bounds(self, clip: onnx.NodeProto) -> tuple[float, float]:
        if clip.op_type == "Relu":
            return 0.0, float("inf")
        bounds = [-float("inf"), float("inf")]
        for i, name in enumerate(clip.input[1:3]):
            if name:
                # A bound that is not constant is taken as one that always clips.
                bounds[i] = float(self.constants[name]) if name in self.constants else float("nan")
        return bounds[0], bounds[1]

    def _constant(self, value: NDArray[Any]) -> str:
        name = self._name()
        self.constants[name] = value
        return name

    def _name(self) -> str:
        self._made += 1
        return f"derived_{self._made}"


def _stored_end(node: onnx.NodeProto) -> str | None:
    """Return the tensor of integers that a Q makes or a DQ reads; ``None`` for other operators."""
    if node.op_type == "QuantizeLinear":
        return str(node.output[0])
    return str(node.input[0]) if node.op_type == "DequantizeLinear" else None
