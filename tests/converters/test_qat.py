"""Quantization-aware training: the twin rounds as the file does, before training and after; and it mends."""

import keras_models
import msgspec
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import lepton_edge as le
from lepton_edge_converters import improving
from lepton_edge_converters.errors import ConversionError, GateRefusedError, RecipeError
from lepton_edge_converters.recipe import Gates, Recipe, load_recipe
from lepton_edge_converters.train import Training
from lepton_edge_runtime.bundle import Bundle
from lepton_edge_runtime.formats.tflite import read_tflite

NETS = ["two_inputs", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("residual", "squeezed", "transposed"))]
BETWEEN = ("QUANTIZE", "DEQUANTIZE")


@pytest.fixture(scope="module")
def trained(worker, tmp_path_factory):
    """Return a function: what became of a net, trained a little; made once."""
    made = {}

    def train(kind):
        if kind not in made:
            made[kind] = worker.call("qat_models:train", kind, tmp_path_factory.mktemp(kind))
        return made[kind]

    return train


def pairs(found):
    """Yield each tensor of the calibrated file with the one of the int8 file that an operator has in its place."""
    before, after = (schema.ModelT.InitFromObj(schema.Model.GetRootAs(found[key], 0)) for key in ("calibrated", "int8"))
    quantizers = {schema.BuiltinOperator.QUANTIZE, schema.BuiltinOperator.DEQUANTIZE}
    kept = [one for one in after.subgraphs[0].operators if _code(after, one) not in quantizers]
    for old, new in zip(before.subgraphs[0].operators, kept, strict=True):
        assert _code(before, old) == _code(after, new)
        for i, j in zip((*old.inputs, *old.outputs), (*new.inputs, *new.outputs), strict=False):
            if i >= 0 <= j:
                yield int(i), before.subgraphs[0].tensors[i], after.subgraphs[0].tensors[j], after


def _code(model, operator):
    return model.operatorCodes[operator.opcodeIndex].builtinCode


@pytest.mark.parametrize("kind", NETS)
def test_the_file_holds_the_very_kernels_that_were_trained(trained, kind):
    found = trained(kind)
    kernels = 0
    for i, _, stored, model in pairs(found):
        if i not in found["rounded"] or i not in found["axes"]:
            continue
        kernels += 1
        integers = np.asarray(model.buffers[stored.buffer].data, np.uint8).view(np.int8).reshape(stored.shape)
        values, axis = found["rounded"][i], found["axes"][i]
        if axis is not None:
            others = tuple(n for n in range(values.ndim) if n != axis)
            scale = np.abs(values).max(axis=others, keepdims=True) / 127
            expected = np.rint(values / np.where(scale == 0, 1, scale))
        else:
            low, high = min(values.min(), 0), max(values.max(), 0)
            expected = np.rint(values / ((high - low) / 255)) + np.rint(-128 - low / ((high - low) / 255))
        np.testing.assert_array_equal(integers, expected)
        dequantized = (integers - stored.quantization.zeroPoint[0]) * _along(stored)
        np.testing.assert_allclose(dequantized, values, rtol=1e-6, atol=1e-9)
    assert kernels >= 3


def _along(tensor):
    scales = np.asarray(tensor.quantization.scale, np.float32)
    if scales.size == 1:
        return scales[0]
    return scales.reshape([-1 if n == tensor.quantization.quantizedDimension else 1 for n in range(len(tensor.shape))])


@pytest.mark.parametrize("kind", NETS)
def test_the_file_has_the_very_scales_that_were_trained(trained, kind):
    found = trained(kind)
    assert found["found"].strayed == ()
    seen = 0
    for i, real, stored, _ in pairs(found):
        if i not in found["groups"] or stored.type != schema.TensorType.INT8:
            continue
        low, high = found["ranges"][found["groups"][i]]
        scale = (high - low) / 255
        assert stored.quantization.scale[0] == pytest.approx(scale, rel=1e-5), real.name
        assert stored.quantization.zeroPoint[0] == np.clip(np.rint(-128 - low / scale), -128, 127)
        seen += 1
    assert seen >= 6


@pytest.mark.parametrize("kind", NETS)
def test_the_int8_file_answers_as_the_twin_does_but_for_a_step(trained, kind):
    found = trained(kind)
    near = []
    for i, ours, theirs in zip(found["outputs"], found["ours"], found["theirs"], strict=True):
        low, high = found["ranges"][found["groups"][i]]
        near.append((np.abs(ours - theirs) < 1.5 * (high - low) / 255).reshape(-1))
    assert np.concatenate(near).mean() >= 0.98
    assert found["found"].one_step >= 0.98


@pytest.mark.parametrize("kind", NETS)
def test_all_operators_of_the_int8_file_compute_in_integers(trained, kind):
    found = trained(kind)
    operators = [one for one in read_tflite(found["int8"]).operators if one.kind not in BETWEEN]
    assert all("float32" not in one.dtypes for one in operators)
    assert found["found"].in_float == ()


@pytest.mark.parametrize("kind", NETS)
def test_what_is_kept_is_never_worse(trained, kind):
    found = trained(kind)["found"]
    assert found.loss_after <= found.loss_before


def test_weights_and_ranges_are_trained_but_those_of_inputs_outputs_and_sigmoids(trained):
    found = trained("two_inputs")
    assert found["found"].loss_after < found["found"].loss_before
    assert all(by > 0 for by in found["moved"].values())
    ranges = {group: found["ranges"][group] for group in found["learned"]}
    assert ranges
    assert any(limits != pytest.approx(found["ranges_before"][group]) for group, limits in ranges.items())
    for group in set(found["ranges"]) - found["learned"]:
        assert found["ranges"][group] == pytest.approx(found["ranges_before"][group])
    assert all(low <= 0 <= high for low, high in found["ranges"].values())


@pytest.mark.parametrize("kind", ["residual", "squeezed", "transposed", "two_inputs", "shared", "many", "words"])
def test_a_twin_in_float_answers_many_samples_as_the_file_answers_one(worker, tmp_path, kind):
    file, twin = worker.call("qat_models:float_twin", kind, tmp_path)
    for one, other in zip(file, twin, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5 * np.abs(one).max())


@pytest.mark.slow
def test_a_shared_layer_keeps_one_kernel(trained):
    found = trained("shared")
    assert len([i for i in found["rounded"] if found["axes"].get(i) is not None]) == 2


def test_rounding_is_tensorflows_and_gradients_go_straight_through(worker):
    values = np.linspace(-3, 4, 1001, dtype=np.float32)
    ours, theirs, slope, ends = worker.call("qat_models:round_and_derive", values, -1.3, 2.6)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    inside = (values > -1.29) & (values < 2.59)
    assert (slope[inside] == 1).all()
    assert (slope[(values < -1.32) | (values > 2.62)] == 0).all()
    # What is cut off pulls its end outwards, one for one, beside the little that rounding pulls.
    assert ends[0] == pytest.approx((values < -1.3).sum(), rel=0.1)
    assert ends[1] == pytest.approx((values > 2.6).sum(), rel=0.1)


@pytest.fixture(scope="module")
def mended(keras_file, tmp_path_factory):
    """A net that 8 bits break, converted as it is and trained for them: two reports and a bundle."""
    folder = tmp_path_factory.mktemp("mended")
    arguments = {"data": keras_models.clusters(300, seed=7)}
    with pytest.raises(GateRefusedError) as refused:
        le.convert(keras_file("loud"), folder / "plain.lepton", formats=["tflite"], **arguments)
    out = folder / "trained.lepton"
    return refused.value.report, le.convert(keras_file("loud"), out, qat=True, **arguments), out


@pytest.mark.slow
def test_training_mends_what_8_bits_break(mended):
    plain, report, _ = mended
    assert plain.row("TFLite int8").agreement.value < 0.9
    assert report.row("TFLite int8").agreement.value > 0.92
    (operators,) = [gate for gate in report.gates if gate.name == "TFLite int8 operators"]
    assert operators.detail.endswith("all in integers")
    assert report.changes[-1].startswith("trained for 8 bits: ")


@pytest.mark.slow
def test_onnx_decides_as_the_trained_tflite_file_does(mended):
    _, report, bundle = mended
    assert report.row("ONNX int8").agreement == report.row("TFLite int8").agreement
    (parity,) = [gate for gate in report.gates if gate.name == "ONNX like TFLite"]
    assert parity.detail.startswith("100.0%")
    assert "same scales" in report.row("ONNX int8").route or "derived" in report.row("ONNX int8").route
    assert msgspec.json.decode(Bundle(bundle).manifest.recipe)["qat"] is True


@pytest.fixture
def brief(monkeypatch):
    """Training takes seconds: what it is called by counts, and not how far it gets."""
    monkeypatch.setattr(improving, "settings_for", lambda _, *, seed: Training(epochs=4, distillation=1.0, seed=seed))


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
def test_training_is_the_last_rung_of_the_repair(keras_file, tmp_path):
    impossible = Recipe(scheme="int8", calibration=40, formats=("tflite",), repair=True, gates=Gates(min_sqnr_db=90))
    with pytest.raises(GateRefusedError) as refused:
        le.convert(
            keras_file("logits"), tmp_path / "m.lepton", data=keras_models.clusters(120, seed=7), recipe=impossible
        )
    rung = refused.value.report.rungs[-1]
    assert rung.name == "quantization-aware training"
    assert rung.settings.endswith("qat = true")
    assert "float_layers" not in rung.settings


@pytest.mark.parametrize(
    ("kind", "says"),
    [("masked", "REDUCE_ANY cannot be trained here"), ("clip", "a reshape moves samples into other axes")],
)
def test_what_a_twin_cannot_compute_is_told_in_one_line(worker, tmp_path, kind, says):
    with pytest.raises(ConversionError, match=rf"^[^\n]*{says}[^\n]*$"):
        worker.call("qat_models:float_twin", kind, tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
def test_a_model_that_cannot_be_trained_is_refused_and_ends_the_ladder(worker, tmp_path):
    worker.call("qat_models:save", "reversed", tmp_path / "reversed.keras")
    arguments = {"data": np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32), "formats": ["tflite"]}
    out = tmp_path / "m.lepton"
    with pytest.raises(ConversionError, match="REVERSE_V2 cannot be trained"):
        le.convert(tmp_path / "reversed.keras", out, qat=True, **arguments)
    impossible = Recipe(scheme="int8", repair=True, gates=Gates(min_sqnr_db=90))
    with pytest.raises(GateRefusedError) as refused:
        le.convert(tmp_path / "reversed.keras", out, recipe=impossible, **arguments)
    rung = refused.value.report.rungs[-1]
    assert rung.name == "quantization-aware training"
    assert "REVERSE_V2 cannot be trained" in rung.refused[0]


def converted(model, tmp_path, **settings):
    data = keras_models.patterns(120, seed=7)
    return le.convert(model, tmp_path / "m.lepton", data=data, qat=True, formats=["tflite"], **settings)


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
def test_a_keras_2_model_is_trained_too(worker, tmp_path):
    worker.call("keras_models:save_keras2", tmp_path / "old.h5")
    report = converted(tmp_path / "old.h5", tmp_path)
    assert report.changes[-1].startswith("trained for 8 bits: ")
    assert report.row("TFLite int8").agreement.value > 0.9


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
def test_a_trained_model_takes_any_batch(keras_file, tmp_path):
    report = converted(keras_file("sequential"), tmp_path, batch="dynamic")
    assert report.changes[-1].startswith("trained for 8 bits: ")
    assert report.row("TFLite int8").agreement.value > 0.9
    assert [gate for gate in report.gates if "batch" in gate.name]


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
def test_a_layer_in_float_is_trained_and_not_rounded(keras_file, tmp_path):
    report = converted(keras_file("sequential"), tmp_path, float_layers=["classes"])
    (operators,) = [gate for gate in report.gates if gate.name == "TFLite int8 operators"]
    assert operators.detail.endswith("beside 2 that were asked for")  # the product and its softmax
    assert "trained for 8 bits: " in report.changes[-1]
    assert report.row("TFLite int8").agreement.value > 0.9


def test_only_int8_is_trained_for():
    with pytest.raises(RecipeError, match="qat trains for int8"):
        load_recipe("float16", qat=True)
