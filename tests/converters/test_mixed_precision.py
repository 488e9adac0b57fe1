"""convert() with layers in float, and sensitivity(), which finds those that should be."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET

import breaking_models
import keras_models
import numpy as np
import onnx
import pytest

import lepton_edge as le
from lepton_edge.cli import execute
from lepton_edge_converters.errors import ConversionError, GateRefusedError, RecipeError
from lepton_edge_converters.exporters import DERIVED, REQUANTIZED
from lepton_edge_converters.recipe import load_recipe
from lepton_edge_converters.worker import Worker
from lepton_edge_runtime.bundle import Bundle


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """The digit reader whose channels are too unequal for 8 bits, and its digits as a file."""
    folder = tmp_path_factory.mktemp("broken")
    with Worker() as worker:
        worker.call("breaking_models:save", folder)
    x, y = breaking_models.digits()
    np.savez(folder / "digits.npz", x=x, y=y)
    return folder / "imbalanced.keras"


@pytest.fixture(scope="module")
def found(broken):
    return le.sensitivity(broken, data=broken.with_name("digits.npz"))


class TestSensitivity:
    def test_it_flags_who_makes_and_who_reads_an_unequal_tensor(self, found):
        assert set(found.flagged) == set(breaking_models.GUILTY)
        assert found.flagged == tuple(one.layer for one in found.worst_first()[:4])
        assert found.whole.sqnr_db < 10
        assert found.samples == 32

    def test_it_is_json(self, found):
        plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
        assert plain["flagged"] == list(found.flagged)
        assert [one["layer"] for one in plain["layers"]] == [one.layer for one in found.layers]

    def test_its_plot_is_an_svg_with_a_bar_a_layer_and_the_flagged_marked(self, found, tmp_path):
        found.plot(tmp_path / "plot.svg")
        picture = ET.parse(tmp_path / "plot.svg").getroot()  # noqa: S314 - written a line above
        kinds = [one.get("class") for one in picture.iter("{http://www.w3.org/2000/svg}rect")]
        assert (kinds.count("bar"), kinds.count("marked")) == (6, 4)  # nine layers, and all at once
        words = " ".join(picture.itertext())
        assert all(one.layer in words for one in found.layers)

    def test_the_calling_process_needs_no_tensorflow(self):
        code = (
            "import sys, lepton_edge as le; le.sensitivity; le.convert\n"
            "import lepton_edge_converters.quantize.findings\n"
            "print('tensorflow' in sys.modules, 'ai_edge_litert' in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["False", "False"]

    def test_a_loop_has_no_8_bits_to_measure(self, keras_file):
        with pytest.raises(ConversionError, match="nothing to measure: int8 was asked for, and the model has loops"):
            le.sensitivity(keras_file("open"), data=keras_models.texts(40, steps=200)[0])

    def test_the_command_prints_a_table_and_how_to_go_on(self, broken, capsys, tmp_path):
        data = broken.with_name("digits.npz")
        plot = tmp_path / "plot.svg"
        asked = ["sensitivity", str(broken), "--data", str(data), "--samples", "8", "--top", "5", "--plot", str(plot)]
        assert execute(asked) == 0
        out = capsys.readouterr().out
        lines = out.splitlines()
        assert [line[:2] for line in lines[1:6]] == ["* ", "* ", "* ", "* ", "  "]
        assert lines[6].startswith("  all in 8 bits")
        assert out.count("--float-layer ") == 4
        assert plot.read_text(encoding="utf-8").startswith("<svg")


class TestLayersInFloat:
    def test_without_them_the_broken_model_is_refused(self, broken, tmp_path):
        with pytest.raises(GateRefusedError, match="decided as by the original"):
            le.convert(broken, tmp_path / "m.lepton", data=broken.with_name("digits.npz"))

    def test_with_those_that_sensitivity_flags_both_formats_read_as_the_original(self, broken, found, tmp_path):
        out = tmp_path / "m.lepton"
        report = le.convert(broken, out, data=broken.with_name("digits.npz"), max_drop=1.0, float_layers=found.flagged)
        gate = next(one for one in report.gates if one.name == "TFLite int8 operators")
        assert gate.detail.endswith("all in integers beside 4 that were asked for")
        for title in ("TFLite", "ONNX"):
            mixed, plain = report.row(f"{title} int8"), report.row(f"{title} int8 throughout")
            assert mixed.accuracy.value > 0.95
            assert plain.accuracy.value < 0.5
            assert mixed.size_bytes > plain.size_bytes
            assert (mixed.shipped, plain.shipped) == (True, False)
            assert any(one.startswith(f"{title} int8, ") and " in float: accuracy " in one for one in report.warnings)
        assert report.row("ONNX int8").route == DERIVED
        recipe = json.loads(bytes(Bundle(out).manifest.recipe))
        assert recipe["float_layers"] == list(found.flagged)

    def test_a_float_operator_that_nobody_named_is_still_refused(self, keras_file, tmp_path):
        numbers = keras_models.clusters(120)[0]
        with pytest.raises(GateRefusedError, match=r"compute in float beside 1 that were asked for: FLOOR_MOD"):
            le.convert(keras_file("floor_mod"), tmp_path / "m.lepton", data=numbers, float_layers=[first(keras_file)])

    def test_one_that_somebody_named_is_allowed(self, keras_file, tmp_path):
        numbers = keras_models.clusters(120)[0]
        loose = load_recipe("int8", gates={"min_agreement": 0.0, "min_cosine": 0.0, "min_sqnr_db": -20.0})
        report = le.convert(
            keras_file("floor_mod"), tmp_path / "m.lepton", data=numbers, recipe=loose, float_layers=["floor_mod"]
        )
        assert report.passed

    def test_where_onnx_is_quantized_anew_they_are_in_float_there_too(self, keras_file, tmp_path):
        import keras

        layers = [one.name for one in keras.models.load_model(keras_file("vit")).layers if one.name.startswith("dense")]
        path = tmp_path / "m.lepton"
        report = le.convert(keras_file("vit"), path, data=keras_models.patterns(120), float_layers=layers[:1])
        assert report.row("ONNX int8").route.startswith(REQUANTIZED)
        assert real_products(onnx.load_from_string(Bundle(path).member("model.onnx"))) == 1

    def test_a_name_that_means_no_layer_is_refused_with_the_nearest(self, broken, capsys, tmp_path):
        data = broken.with_name("digits.npz")
        asked = ["convert", str(broken), "-o", str(tmp_path / "m.lepton"), "--data", str(data)]
        assert execute([*asked, "--float-layer", "first_conv", "--float-layer", "secnd_conv"]) == 1
        assert "no layer 'secnd_conv' in the converted model (did you mean 'second_conv'?)" in capsys.readouterr().err

    @pytest.mark.parametrize("asked", [{"ranges": "mse"}, {"float_layers": ("dense",)}])
    def test_they_are_for_int8(self, asked):
        with pytest.raises(RecipeError, match="are for int8 models; a float16 model computes in float"):
            load_recipe("float16", **asked)

    def test_ranges_are_one_of_the_table_or_the_best(self):
        with pytest.raises(RecipeError, match="ranges"):
            load_recipe("int8", ranges="entropy")


def first(keras_file):
    """The name of the first dense layer, which depends on how many the worker made before."""
    import keras

    return keras.models.load_model(keras_file("floor_mod")).layers[1].name


def real_products(model):
    """How many matrix products of an ONNX graph have weights that are not stored in 8 bits."""
    constants = {one.name for one in model.graph.initializer if one.data_type == onnx.TensorProto.FLOAT}
    return sum(node.op_type in ("MatMul", "Gemm") and node.input[1] in constants for node in model.graph.node)
