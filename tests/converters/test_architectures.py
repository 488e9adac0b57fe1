"""Kinds of layers and graphs: exact in float, and in 8 bits what can be; what cannot is refused by name."""

import architectures
import keras_models
import numpy as np
import pytest
from model_files import saver

import lepton_edge as le
from lepton_edge_converters.errors import GateRefusedError
from lepton_edge_converters.exporters import DERIVED
from lepton_edge_converters.recipe import Gates
from lepton_edge_converters.worker import Worker
from lepton_edge_runtime.bundle import Bundle
from lepton_edge_runtime.formats.tflite import read_tflite

# Untrained outputs say little of quality, and are judged all the same: no float operator may hide, and no
# output may be another one.
INT8 = le.Recipe(scheme="int8", calibration=20, gates=Gates(min_sqnr_db=6, min_cosine=0.9, min_agreement=0))


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """Return a function: the file of an untrained model of this kind."""
    with Worker() as worker:
        yield saver(worker, "architectures:save", tmp_path_factory.mktemp("architectures"))


@pytest.mark.parametrize("kind", architectures.BUILDERS)
def test_float_files_are_exact(kind, model_file, tmp_path):
    size = le.Preprocess(size=(32, 24)) if kind == "open_size" else None
    report = le.convert(
        model_file(kind), tmp_path / "m.lepton", data=architectures.samples(kind), recipe="float32", preprocess=size
    )
    for title in ("TFLite float32", "ONNX float32"):
        # 80 dB: four digits more than a float16 file would keep, and kernels may round otherwise than TensorFlow's.
        assert report.row(title).sqnr_db > 80


@pytest.mark.parametrize("kind", [kind for kind in architectures.BUILDERS if kind != "conv3d"])
def test_int8_files_hide_no_float(kind, model_file, tmp_path):
    report = le.convert(model_file(kind), tmp_path / "m.lepton", data=architectures.samples(kind), recipe=INT8)
    (operators,) = [gate for gate in report.gates if gate.name == "TFLite int8 operators"]
    assert operators.detail.endswith("all in integers")


@pytest.mark.usefixtures("fresh_workers")
def test_no_part_of_a_split_is_left_unused(model_file, keras_file, tmp_path):
    # Such a split is left in float or not, as the quantizer's tables lie in memory: one run proves nothing.
    for kind, file in {"half_used_split": model_file, "lstm": keras_file}.items():
        le.convert(file(kind), tmp_path / f"{kind}.lepton", recipe="float32", formats=["tflite"])
        operators = read_tflite(Bundle(tmp_path / f"{kind}.lepton").member("model.tflite")).operators
        used = {name for operator in operators for name in operator.inputs}
        splits = [operator.outputs for operator in operators if operator.kind.startswith("SPLIT")]
        assert all(used.issuperset(parts) for parts in splits)


def test_conv3d_has_no_8_bit_form(model_file, tmp_path):
    with pytest.raises(GateRefusedError, match="compute in float: CONV_3D"):
        le.convert(model_file("conv3d"), tmp_path / "m.lepton", data=architectures.samples("conv3d"), recipe=INT8)


def test_an_open_size_is_fixed_by_the_one_asked_for(model_file, tmp_path):
    le.convert(
        model_file("open_size"), tmp_path / "m.lepton", recipe="float32", preprocess=le.Preprocess(size=(40, 20))
    )
    with le.open_model(tmp_path / "m.lepton") as model:
        assert model.card.inputs[0].tensor.shape == (1, 20, 40, 3)


class TestLoops:
    @pytest.mark.parametrize("kind", ["lstm", "gru", "bidirectional", "stacked", "open"])
    def test_in_float_they_are_exact(self, kind, keras_file, tmp_path):
        report = le.convert(
            keras_file(kind), tmp_path / "m.lepton", data=keras_models.texts(100, seed=9), recipe="float32"
        )
        for title in ("TFLite float32", "ONNX float32"):
            assert report.row(title).agreement.value == 1.0
            assert report.row(title).sqnr_db > 80
        assert report.macs is None

    @pytest.mark.parametrize("kind", ["lstm", "gru", "bidirectional", "stacked", "open"])
    def test_in_8_bits_they_are_written_out(self, kind, keras_file, tmp_path):
        report = le.convert(keras_file(kind), tmp_path / "m.lepton", data=keras_models.texts(300, seed=9), max_drop=5.0)
        assert f"the model's loops are written out, {keras_models.STEPS} steps each" in report.warnings[0]
        (operators,) = [gate for gate in report.gates if gate.name == "TFLite int8 operators"]
        assert operators.detail.endswith("all in integers")
        assert report.row("ONNX int8").route == DERIVED

    def test_long_ones_keep_their_activations_real_and_the_report_says_so(self, keras_file, tmp_path):
        long = keras_models.texts(60, steps=150, seed=9)
        report = le.convert(keras_file("open"), tmp_path / "m.lepton", data=long)
        assert report.scheme == "dynamic"
        assert "too long to be written out (150 steps)" in report.warnings[0]
        float_file, dynamic = report.row("TFLite float32"), report.row("TFLite dynamic")
        assert dynamic.size_bytes < 0.8 * float_file.size_bytes
        assert report.row("ONNX dynamic").size_bytes < report.row("ONNX float32").size_bytes
        with le.open_model(tmp_path / "m.lepton") as model:
            read = [model(one[np.newaxis]).top.index for one in long[0][:10]]
        assert len(read) == 10

    @pytest.mark.usefixtures("fresh_workers")
    def test_the_same_model_gives_the_same_bytes(self, keras_file, tmp_path):
        for name in ("one", "other"):
            le.convert(keras_file("stacked"), tmp_path / f"{name}.lepton", recipe="float32")
        assert (tmp_path / "one.lepton").read_bytes() == (tmp_path / "other.lepton").read_bytes()
