"""What the schemes store, in both formats, and that they are what their names say."""

import keras_models
import numpy as np
import pytest

import lepton_edge as le
from lepton_edge_converters.errors import ConversionError
from lepton_edge_converters.exporters import DERIVED, TRACED
from lepton_edge_converters.exporters.weights import quantize_symmetric
from lepton_edge_converters.recipe import SCHEMES


@pytest.fixture(scope="module")
def converted_by(keras_file, tmp_path_factory):
    """Return a function: the pattern reader converted by a recipe, bundle and report."""
    folder = tmp_path_factory.mktemp("schemes")
    made = {}

    def convert(name):
        if name not in made:
            data = keras_models.patterns(120, seed=5)
            made[name] = le.convert(keras_file("sequential"), folder / f"{name}.lepton", data=data, recipe=name)
        return le.Bundle(folder / f"{name}.lepton"), made[name]

    return convert


def onnx_model(bundle):
    import onnx

    return onnx.load_from_string(bundle.member("model.onnx"))


def stored_weights(bundle):
    """Return each 8-bit tensor of the TFLite file that a DEQUANTIZE reads, with its scales and their axis."""
    from lepton_edge_converters.exporters.flatbuffer import unpack

    model = unpack(bundle.member("model.tflite"))
    (graph,) = model.subgraphs
    kinds = [model.operatorCodes[one.opcodeIndex].builtinCode for one in graph.operators]
    found = []
    for kind, operator in zip(kinds, graph.operators, strict=True):
        if kind == 6:  # DEQUANTIZE
            tensor = graph.tensors[operator.inputs[0]]
            values = np.asarray(model.buffers[tensor.buffer].data, np.uint8).view(np.int8).reshape(tensor.shape)
            found.append((values, tensor.quantization.scale, tensor.quantization.quantizedDimension))
    return found, model


class TestWeights:
    def test_large_weights_are_8_bits_with_a_scale_a_channel(self, converted_by):
        found, _ = stored_weights(converted_by("weights")[0])
        shapes = {values.shape: (len(scale), axis) for values, scale, axis in found}
        assert shapes == {(4, 968): (4, 0)}  # the dense layer; the convolutions hold fewer than 1,024 values
        ((values, _, _),) = found
        assert np.abs(values).max(axis=1).tolist() == [127] * 4

    def test_nothing_of_the_float_weights_stays_in_the_file(self, converted_by):
        _, model = stored_weights(converted_by("weights")[0])
        used = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
        used |= {entry.buffer for entry in model.metadata}
        assert used | {0} == set(range(len(model.buffers)))

    def test_both_formats_hold_the_same_integers(self, converted_by):
        from onnx import numpy_helper

        bundle, report = converted_by("weights")
        assert report.row("ONNX weights").route == DERIVED
        ((values, _, _),) = stored_weights(bundle)[0]
        tensors = [numpy_helper.to_array(one) for one in onnx_model(bundle).graph.initializer]
        (theirs,) = [one for one in tensors if one.dtype == np.int8]
        assert sorted(theirs.reshape(-1)) == sorted(values.reshape(-1))

    def test_onnx_makes_them_float_with_what_onnx_runtime_computes_at_load(self, converted_by):
        """It keeps a DequantizeLinear, and computes it anew in each run."""
        kinds = [node.op_type for node in onnx_model(converted_by("weights")[0]).graph.node]
        assert "DequantizeLinear" not in kinds
        assert kinds.count("Cast") == 1

    def test_answers_differ_from_float_by_the_rounding_of_weights_alone(self, converted_by):
        report = converted_by("weights")[1]
        assert report.row("TFLite weights").sqnr_db > 40  # 8 bits a channel: some 50 dB a layer
        (parity,) = [gate for gate in report.gates if gate.name == "ONNX like TFLite"]
        assert parity.passed

    def test_a_channel_of_zeros_has_a_scale_all_the_same(self):
        values = np.zeros((2, 3), np.float32)
        values[1] = (1, -2, 4)
        stored, scales = quantize_symmetric(values, 0)
        assert stored.tolist() == [[0, 0, 0], [32, -64, 127]]
        assert scales[1] == np.float32(4) / np.float32(127)
        assert scales[0] > 0


class TestDynamic:
    def test_onnx_rounds_activations_as_they_come(self, converted_by):
        bundle, report = converted_by("dynamic")
        kinds = [node.op_type for node in onnx_model(bundle).graph.node]
        assert kinds.count("DynamicQuantizeLinear") == 1  # before the one layer whose weights are 8 bits
        assert report.row("ONNX dynamic").route.startswith(TRACED)

    def test_weights_alone_does_not(self, converted_by):
        kinds = {node.op_type for node in onnx_model(converted_by("weights")[0]).graph.node}
        assert "DynamicQuantizeLinear" not in kinds


class TestInt16x8:
    def test_activations_are_16_bits_in_both_formats(self, converted_by):
        from onnx import numpy_helper

        from lepton_edge_runtime.formats.tflite import read_tflite

        bundle, report = converted_by("int16x8")
        operators = read_tflite(bundle.member("model.tflite")).operators
        inner = [one for one in operators if one.kind not in ("QUANTIZE", "DEQUANTIZE")]
        assert all(one.dtypes == {"int16"} for one in inner)
        assert report.row("ONNX int16x8").route == DERIVED
        model = onnx_model(bundle)
        constants = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
        zeros = [constants[node.input[2]] for node in model.graph.node if node.op_type == "QuantizeLinear"]
        assert {zero.dtype.name for zero in zeros} == {"int16"}
        assert model.opset_import[0].version == 21

    def test_onnx_keeps_its_weights_as_they_are_quantized(self, converted_by):
        """Given real ones beside quantized activations, ONNX Runtime would quantize them anew, by one scale each."""
        model = onnx_model(converted_by("int16x8")[0])
        makers = {name: node.op_type for node in model.graph.node for name in node.output}
        weighted = [node for node in model.graph.node if node.op_type in ("Conv", "Gemm")]
        assert len(weighted) == 3
        assert {makers.get(name) for node in weighted for name in node.input[1:]} == {"DequantizeLinear"}

    def test_it_is_nearer_to_the_original_than_int8(self, converted_by, converted):
        fine = converted_by("int16x8")[1].row("TFLite int16x8")
        assert fine.sqnr_db > converted[1].row("TFLite int8").sqnr_db + 10

    def test_it_wants_samples(self, keras_file, tmp_path):
        from lepton_edge_converters.errors import SamplesError

        with pytest.raises(SamplesError, match="int16x8 needs samples to calibrate with"):
            le.convert(keras_file("sequential"), tmp_path / "m.lepton", recipe="int16x8")

    def test_an_onnx_file_that_cannot_be_derived_is_refused_by_name(self, keras_file, tmp_path):
        with pytest.raises(ConversionError, match=r"int16x8 ONNX is derived .* leave it out \(--formats tflite\)"):
            le.convert(
                keras_file("vit"), tmp_path / "m.lepton", data=keras_models.patterns(120, seed=5), recipe="int16x8"
            )


class TestFastest:
    def test_it_ships_what_the_report_says_won(self, keras_file, tmp_path):
        report = le.convert(
            keras_file("sequential"), tmp_path / "m.lepton", data=keras_models.patterns(120, seed=5), fastest=True
        )
        (winner,) = [one for one in report.tried if one.outcome == "ships"]
        assert report.scheme == winner.scheme != "int16x8"
        assert {one.scheme for one in report.tried} == set(SCHEMES)
        assert report.tried[-1].scheme == "int16x8"  # by tens of times the slowest
        recipe = bytes(le.Bundle(tmp_path / "m.lepton").manifest.recipe)
        assert f'"scheme":"{winner.scheme}"'.encode() in recipe
        assert b'"fastest":false' in recipe

    def test_without_samples_int8_is_left_out_and_the_report_says_why(self, keras_file, tmp_path):
        report = le.convert(keras_file("logits"), tmp_path / "m.lepton", fastest=True, formats=["tflite"])
        outcomes = {one.scheme: (one.outcome, one.reason) for one in report.tried}
        assert outcomes["int8"] == ("not made", "int8 needs samples to calibrate with")
        assert outcomes["int16x8"][0] == "not made"
        assert report.scheme in ("float32", "float16", "dynamic", "weights")
