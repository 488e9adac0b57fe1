"""What --equalize and --correct-bias do for models that 8 bits break, and for those that they do not."""

import keras_models
import numpy as np
import pytest
import random_graphs
import tensorflow as tf

import lepton_edge as le
from lepton_edge_converters.errors import GateRefusedError, RecipeError, SamplesError
from lepton_edge_converters.exporters import DERIVED
from lepton_edge_converters.facts import EndFacts, ModelFacts
from lepton_edge_converters.load.trace import save_function
from lepton_edge_converters.passes.layers import layer
from lepton_edge_converters.passes.simulate import round_kernel
from lepton_edge_converters.recipe import Recipe, load_recipe
from lepton_edge_converters.worker import Worker
from lepton_edge_runtime.bundle import Bundle
from lepton_edge_runtime.formats.tflite import read_tflite

BROKEN = ("imbalanced", "long_tail")


def patterns():
    return keras_models.patterns(300, seed=7)


@pytest.fixture(scope="module")
def mended(keras_file, tmp_path_factory):
    """Return a function: the bundle and report of a broken kind, with both passes."""
    folder = tmp_path_factory.mktemp("mended")
    made = {}

    def convert(kind):
        if kind not in made:
            path = folder / f"{kind}.lepton"
            made[kind] = (
                path,
                le.convert(keras_file(kind), path, data=patterns(), equalize=True, correct_bias=True, max_drop=1.0),
            )
        return made[kind]

    return convert


@pytest.mark.parametrize("kind", BROKEN)
class TestWhatEightBitsBreak:
    def test_is_refused_as_it_is(self, kind, keras_file, tmp_path):
        with pytest.raises(GateRefusedError, match="TFLite int8 agreement") as refused:
            le.convert(keras_file(kind), tmp_path / "m.lepton", data=patterns())
        report = refused.value.report
        assert report.row("original").accuracy.value == 1.0
        assert report.row("TFLite int8").accuracy.value < 0.6

    def test_is_itself_again_in_both_formats_and_all_in_integers(self, kind, mended):
        _, report = mended(kind)
        for title in ("TFLite int8", "ONNX int8"):
            assert report.row(title).accuracy.value >= 0.99
            assert report.row(title).sqnr_db > 30
        assert report.row("ONNX int8").route == DERIVED
        (operators,) = [gate for gate in report.gates if gate.name == "TFLite int8 operators"]
        assert operators.detail.endswith("all in integers")

    def test_comes_with_a_sentence_for_each_change(self, kind, mended):
        changes = mended(kind)[1].changes
        assert changes[0].startswith("scales folded into the layer before: norm_")
        assert any("channels" in change for change in changes)
        assert changes[-1].startswith("what rounding shifts was taken out of the biases of")

    def test_shows_each_layer_beside_the_float_one_changed_alike(self, kind, mended):
        report = mended(kind)[1]
        assert (report.layers.reference, report.layers.unmatched) == ("TFLite float32 changed alike", 0)
        # Eight of the samples, and kernels that round otherwise: near, not equal.
        assert report.layers.layers[-1].sqnr_db == pytest.approx(report.row("TFLite int8").sqnr_db, abs=6)


def test_a_normalization_behind_the_activation_leaves_no_operator_of_its_own(mended):
    kinds = read_tflite(Bundle(mended("long_tail")[0]).member("model.tflite")).counts()
    assert kinds.keys().isdisjoint({"MUL", "ADD"})


@pytest.mark.usefixtures("fresh_workers")
def test_the_same_model_gives_the_same_bytes(keras_file, mended, tmp_path):
    path, _ = mended("imbalanced")
    again = tmp_path / path.name
    le.convert(keras_file("imbalanced"), again, data=patterns(), equalize=True, correct_bias=True, max_drop=1.0)
    assert again.read_bytes() == path.read_bytes()


def test_a_healthy_model_stays_as_good_and_says_what_was_changed(keras_file, tmp_path):
    plain, corrected = (
        le.convert(keras_file("sequential"), tmp_path / f"{correct}.lepton", data=patterns(), correct_bias=correct)
        for correct in (False, True)
    )
    assert corrected.row("TFLite int8").sqnr_db > plain.row("TFLite int8").sqnr_db - 1
    assert corrected.changes
    assert not plain.changes


@pytest.mark.parametrize("kind", ["two_inputs", "vit", "lstm"])
def test_other_kinds_of_models_come_through(kind, keras_file, tmp_path):
    data = {
        "two_inputs": {"photo": patterns()[0], "sensor-b": keras_models.sensors(patterns()[1])},
        "lstm": keras_models.texts(200, seed=9),
    }.get(kind, patterns()[0])
    ranges = le.Preprocess(range=(0, 1)) if kind == "two_inputs" else None
    report = le.convert(
        keras_file(kind), tmp_path / "m.lepton", data=data, equalize=True, correct_bias=True, preprocess=ranges
    )
    assert report.passed


def test_weights_in_8_bits_gain_too(keras_file, tmp_path):
    report = le.convert(
        keras_file("imbalanced"), tmp_path / "m.lepton", data=patterns(), recipe="dynamic", equalize=True
    )
    assert report.row("TFLite dynamic").accuracy.value >= 0.99
    assert report.samples.calibration == 100
    with pytest.raises(SamplesError, match="equalize needs samples to calibrate with"):
        le.convert(keras_file("imbalanced"), tmp_path / "n.lepton", recipe="dynamic", equalize=True)


@pytest.mark.parametrize(
    ("scheme", "settings", "message"),
    [
        ("float32", {"equalize": True}, "equalize is for what is rounded to 8 bits, int8 and dynamic; float32 has no"),
        ("dynamic", {"correct_bias": True}, "correct_bias is for int8 models; the weights of dynamic are"),
    ],
)
def test_schemes_that_have_no_use_for_it_refuse(scheme, settings, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe(scheme, **settings)
    with pytest.raises(RecipeError, match=message):
        load_recipe(Recipe(scheme=scheme, **settings))


def test_weights_are_rounded_as_the_converter_rounds_them(tmp_path):
    """Bias correction foresees the very weights that the file will hold."""
    from ai_edge_litert.interpreter import Interpreter

    kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 4)).astype(np.float32)

    def call(x):
        return tf.nn.conv2d(x, kernel, 1, "SAME")

    graph = random_graphs.frozen(call, (1, 6, 6, 2))
    (one,) = [found for node in graph if (found := layer(graph, node))]
    ends = [EndFacts(name, "float32", (6, 6, channels)) for name, channels in (("x", 2), ("y", 4))]
    save_function(lambda x: [call(x)], [tf.TensorSpec((1, 6, 6, 2), name="input_0")], tmp_path / "traced")
    samples = random_graphs.stored(np.random.default_rng(1).normal(size=(4, 6, 6, 2)).astype(np.float32), tmp_path)
    facts = ModelFacts("net", "", (ends[0],), (ends[1],), parameters=72, layers=1)
    with Worker() as worker:
        job = "lepton_edge_converters.quantize.export:export_int8"
        worker.call(job, tmp_path / "traced", facts, samples, "minmax", (), "float32", tmp_path / "net.tflite")
    file = Interpreter(str(tmp_path / "net.tflite"))
    file.allocate_tensors()
    (stored,) = [one for one in file.get_tensor_details() if tuple(one["shape"]) == (4, 3, 3, 2)]
    scales = stored["quantization_parameters"]["scales"]
    held = file.get_tensor(stored["index"]).transpose(1, 2, 3, 0) * scales
    np.testing.assert_allclose(held, round_kernel(one), rtol=1e-5, atol=1e-7)


def test_a_loop_too_long_to_be_written_out_keeps_its_biases_and_the_report_says_so(keras_file, tmp_path):
    long = keras_models.texts(40, steps=150, seed=9)
    report = le.convert(keras_file("open"), tmp_path / "m.lepton", data=long, correct_bias=True)
    assert report.scheme == "dynamic"
    assert "biases are as they were" in report.warnings[1]
    assert report.changes == ()
