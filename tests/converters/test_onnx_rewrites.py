"""The rewrites are exact: ONNX Runtime, with its optimizer off, answers as before."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from lepton_edge_converters.exporters.canonical import canonicalize
from lepton_edge_converters.exporters.qdq import CannotDeriveError, derive
from lepton_edge_converters.exporters.requantized import requantize
from lepton_edge_converters.exporters.spared import keep_weights_real
from lepton_edge_converters.facts import EndFacts, ModelFacts
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_runtime.formats import ModelFile
from lepton_edge_runtime.tensors import TensorSpec

OPSET = [helper.make_opsetid("", 18)]


class Graph:
    """A small quantized graph in the style that tf2onnx writes: int8 activations, shared constants."""

    def __init__(self):
        self.nodes, self.constants = [], {}

    def constant(self, name, value):
        self.constants[name] = np.asarray(value)
        return name

    def add(self, kind, inputs, output, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def scaling(self, scale, zero_point, dtype=np.int8):
        return [
            self.constant(f"s{scale}", np.float32(scale)),
            self.constant(f"z{zero_point}{np.dtype(dtype).name}", dtype(zero_point)),
        ]

    def quantized(self, name, scale, zero_point):
        """Q then DQ, sharing their constants; returns the tensor of integers and the real one."""
        scaling = self.scaling(scale, zero_point)
        stored = self.add("QuantizeLinear", [name, *scaling], f"{name}_q")
        return stored, self.add("DequantizeLinear", [stored, *scaling], f"{name}_dq")

    def model(self, inputs, outputs):
        graph = helper.make_graph(
            self.nodes,
            "g",
            [helper.make_tensor_value_info(*end) for end in inputs],
            [helper.make_tensor_value_info(*end) for end in outputs],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        return helper.make_model(graph, opset_imports=OPSET, ir_version=8)


def answers(model, feed):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feed)


def kinds(model):
    return [node.op_type for node in model.graph.node]


def conv_net(activation, scale, zero_point, *, input_type=TensorProto.UINT8, output_type=TensorProto.UINT8):
    """uint8 or int8 picture → conv → activation → pad → concat with a constant → conv → out, all quantized."""
    rng = np.random.default_rng(0)
    g = Graph()
    dtype = {TensorProto.UINT8: np.uint8, TensorProto.INT8: np.int8}[input_type]
    into = g.scaling(0.05, 0 if dtype is np.uint8 else -128, dtype)
    moved = g.add("Transpose", ["x"], "x_t", perm=[0, 3, 1, 2])
    real = g.add("DequantizeLinear", [moved, *into], "x_dq")
    _, x = g.quantized(real, 0.05, -128)
    weight = g.constant("w", rng.integers(-127, 128, (4, 2, 3, 3)).astype(np.int8))
    scales = g.constant("ws", rng.uniform(0.01, 0.02, 4).astype(np.float32))
    zeros = g.constant("wz", np.zeros(4, np.int8))
    w = g.add("DequantizeLinear", [weight, scales, zeros], "w_dq", axis=0)
    y = g.add("Conv", [x, w], "y")
    if activation == "Clip":
        y = g.add("Clip", [y, g.constant("lo", np.float32(0)), g.constant("hi", np.float32(6))], "y_a")
    elif activation:
        y = g.add(activation, [y], "y_a")
    stored, _ = g.quantized(y, scale, zero_point)
    padded = g.add(
        "Pad",
        [stored, g.constant("p", np.array([0, 0, 1, 1, 0, 0, 1, 1])), g.constant("pv", np.int8(zero_point))],
        "pd",
    )
    other = g.constant("k", rng.integers(-128, 128, (1, 2, 8, 8)).astype(np.int8))
    joined = g.add("Concat", [padded, other], "cc", axis=1)
    z = g.add("DequantizeLinear", [joined, *g.scaling(scale, zero_point)], "cc_dq")
    gain = g.add("DequantizeLinear", [g.constant("g", np.int8(64)), *g.scaling(0.03, 3)], "g_dq")
    z = g.add("Mul", [z, gain], "m")
    out_dtype = {TensorProto.UINT8: np.uint8, TensorProto.INT8: np.int8}[output_type]
    _, z = g.quantized(z, 0.1, -5)
    g.add("QuantizeLinear", [z, *g.scaling(0.1, -5 + (128 if out_dtype is np.uint8 else 0), out_dtype)], "out")
    return g.model([("x", input_type, [1, 8, 8, 2])], [("out", output_type, [1, 6, 8, 8])])


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([None, "Relu", "Clip"]),
    st.sampled_from([6 / 255, 0.02, 0.1]),
    st.sampled_from([-128, -20, 0]),
    st.sampled_from([TensorProto.UINT8, TensorProto.INT8]),
    st.sampled_from([TensorProto.UINT8, TensorProto.INT8]),
)
def test_a_derived_graph_answers_as_before(activation, scale, zero_point, input_type, output_type):
    model = conv_net(activation, scale, zero_point, input_type=input_type, output_type=output_type)
    dtype = helper.tensor_dtype_to_np_dtype(input_type)
    picture = np.random.default_rng(1).integers(0, 256, (1, 8, 8, 2)).astype(np.uint8).view(dtype)
    (before,) = answers(model, {"x": picture})
    derive(model)
    canonicalize(model, ["x"], ["out"])
    onnx.checker.check_model(model)
    (after,) = answers(model, {"x": picture})
    assert np.ptp(before.astype(int)) > 40, "the net must say something"
    np.testing.assert_array_equal(before, after)


def activation_types(model):
    constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    return {constants[n.input[2]].dtype.name for n in model.graph.node if n.op_type == "QuantizeLinear"}


def test_activations_become_uint8_and_weights_stay_int8():
    model = conv_net("Relu", 0.02, -128)
    derive(model)
    assert activation_types(model) == {"uint8"}
    weights = [numpy_helper.to_array(t) for t in model.graph.initializer]
    assert any(w.dtype == np.int8 and w.shape == (4, 2, 3, 3) for w in weights)


@pytest.mark.parametrize(
    ("activation", "scale", "zero_point", "kept"),
    [
        ("Relu", 0.02, -128, False),  # int8 -128 is real 0: quantizing clips there anyway
        ("Relu", 0.02, -20, True),  # the range reaches below 0
        ("Clip", 6 / 255, -128, False),  # exactly 0..6
        ("Clip", 0.02, -128, False),  # 0..5.1 lies within the bounds
        ("Clip", 0.1, -128, True),  # 0..25.5 reaches above 6
    ],
)
def test_a_clip_goes_only_where_quantizing_implies_it(activation, scale, zero_point, kept):
    model = conv_net(activation, scale, zero_point)
    derive(model)
    assert (activation in kinds(model)) is kept


def test_a_clip_whose_real_value_is_read_elsewhere_stays():
    g = Graph()
    y = g.add("Relu", ["x"], "y")
    g.quantized(y, 0.02, -128)
    g.add("Neg", [y], "out")
    g.add("DequantizeLinear", ["y_q", *g.scaling(0.02, -128)], "out2")
    model = g.model(
        [("x", TensorProto.FLOAT, [4])], [("out", TensorProto.FLOAT, [4]), ("out2", TensorProto.FLOAT, [4])]
    )
    derive(model)
    assert "Relu" in kinds(model)


def test_computing_on_stored_integers_cannot_be_derived():
    g = Graph()
    stored, _ = g.quantized("x", 0.02, 0)
    absolute = g.add("Abs", [stored], "a")
    g.add("DequantizeLinear", [absolute, *g.scaling(0.02, 0)], "out")
    with pytest.raises(CannotDeriveError, match="Abs computes on stored integers"):
        derive(g.model([("x", TensorProto.FLOAT, [4])], [("out", TensorProto.FLOAT, [4])]))


def test_constants_of_element_wise_operators_are_real():
    # Quantized ones are computed in integers in some of ONNX Runtime's modes and not in others.
    model = conv_net("Relu", 0.02, -128)
    derive(model)
    constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    (multiply,) = [node for node in model.graph.node if node.op_type == "Mul"]
    (gain,) = [constants[name] for name in multiply.input if name in constants]
    assert gain.dtype == np.float32
    assert gain == np.float32(0.03) * np.float32(64 - 3)


@pytest.mark.parametrize("transposed", [0, 1])
def test_a_bias_of_one_number_is_quantized_by_onnx_runtime_too(transposed, tmp_path):
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(8, 4)).astype(np.float32)
    g = Graph()
    stored = g.constant("w", weights.T.copy() if transposed else weights)
    g.add("Gemm", ["x", stored, g.constant("three", np.float32(3))], "out", transB=transposed)
    model = g.model([("x", TensorProto.FLOAT, [1, 8])], [("out", TensorProto.FLOAT, [1, 4])])
    samples = rng.uniform(-1, 1, (50, 8)).astype(np.float32)
    np.save(tmp_path / "x.npy", samples)
    ends = (EndFacts("x", "float32", (8,)),), (EndFacts("out", "float32", (4,)),)
    facts = ModelFacts("gemm", "", *ends, parameters=0, layers=1)
    specs = (TensorSpec("x", "float32", (1, 8)),), (TensorSpec("out", "float32", (1, 4)),)
    quantized = requantize(model, facts, StoredSamples((tmp_path / "x.npy",), (None,)), (), ModelFile((), *specs))
    (out,) = answers(quantized, {"x": samples[:1]})
    # Some 20 units wide, in 256 steps: half a step of the output, and as much of inputs and weights.
    np.testing.assert_allclose(out, samples[:1] @ weights + 3, atol=0.1)


def test_every_quantizer_owns_its_constants():
    model = conv_net("Relu", 0.02, -128)
    derive(model)
    canonicalize(model, ["x"], ["out"])
    used = [n for node in model.graph.node if "Linear" in node.op_type for n in node.input[1:]]
    assert len(used) == len(set(used))


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_names_and_order_of_the_source_do_not_show(random):
    model = conv_net("Relu", 0.02, -128)
    shuffled = onnx.ModelProto()
    shuffled.CopyFrom(model)
    nodes, constants = list(model.graph.node), list(model.graph.initializer)
    random.shuffle(nodes)
    random.shuffle(constants)
    for kept, mixed in ((shuffled.graph.node, nodes), (shuffled.graph.initializer, constants)):
        del kept[:]
        kept.extend(mixed)
    old = dict.fromkeys(name for node in nodes for name in [*node.input, *node.output] if name not in ("x", "out"))
    new = {name: f"t{i}" for i, name in enumerate(old)}
    for node in shuffled.graph.node:
        node.name = f"some {node.name}"
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[:] = [new.get(name, name) for name in node.output]
    for constant in shuffled.graph.initializer:
        constant.name = new.get(constant.name, constant.name)
    for one in (model, shuffled):
        canonicalize(one, ["x"], ["out"])
    assert model.SerializeToString(deterministic=True) == shuffled.SerializeToString(deterministic=True)


def net_with_a_layer_in_float(kind, activation):
    """uint8 numbers → DQ → a layer with float weights, unlike from channel to channel → activation → Q."""
    weights = np.random.default_rng(0).normal(size=(8, 6, 1, 1) if kind == "Conv" else (6, 8)).astype(np.float32)
    weights *= np.geomspace(1e-3, 1, 8, dtype=np.float32).reshape((8, 1, 1, 1) if kind == "Conv" else (1, 8))
    g = Graph()
    real = g.add("DequantizeLinear", ["x", *g.scaling(0.02, 0, np.uint8)], "x_dq")
    y = g.add(kind, [real, g.constant("w", weights)], "y")
    if activation:
        y = g.add(activation, [y], "y_a")
    g.add("QuantizeLinear", [y, *g.scaling(0.0005, 100, np.uint8)], "out")
    shape = [1, 6, 4, 4] if kind == "Conv" else [5, 6]
    return g.model([("x", TensorProto.UINT8, shape)], [("out", TensorProto.UINT8, None)]), shape


@pytest.mark.parametrize("kind", ["Conv", "MatMul", "Gemm"])
@pytest.mark.parametrize("activation", ["", "Relu", "Clip"])
def test_weights_left_in_float_are_not_quantized_behind_our_back(kind, activation):
    model, shape = net_with_a_layer_in_float(kind, activation)
    feed = {"x": np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)}
    before = answers(model, feed)[0].astype(int)
    keep_weights_real(model)
    np.testing.assert_array_equal(answers(model, feed)[0], before)  # exact
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    optimized = session.run(None, feed)[0].astype(int)
    # Sums in another order may round to the next step; weights with one scale for all channels are tens of steps off.
    assert np.abs(optimized - before).max() <= 1


def test_a_layer_in_8_bits_gets_no_max():
    model = conv_net("Relu", 0.1, -128)
    keep_weights_real(model)
    assert "Max" not in kinds(model)
