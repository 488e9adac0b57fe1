"""The repair ladder on models that 8 bits break, each mended by another rung."""

import io

import keras_models
import msgspec
import pytest

import lepton_edge as le
from lepton_edge_converters import repair
from lepton_edge_converters.errors import ConversionError, GateRefusedError, RecipeError
from lepton_edge_converters.recipe import Gates, Recipe, load_recipe
from lepton_edge_converters.report.table import print_report
from lepton_edge_runtime.bundle import Bundle

pytestmark = pytest.mark.slow

SAMPLES = {"imbalanced": keras_models.patterns, "long_tail": keras_models.patterns, "loud": keras_models.clusters}


@pytest.fixture(scope="module")
def repaired(keras_file, tmp_path_factory):
    """Return a function: report and bundle of a kind of model, repaired; made once."""
    folder, made = tmp_path_factory.mktemp("repaired"), {}

    def convert(kind):
        if kind not in made:
            out = folder / f"{kind}.lepton"
            data = SAMPLES[kind](300, seed=7)
            made[kind] = le.convert(keras_file(kind), out, data=data, max_drop=1.0, repair=True), out
        return made[kind]

    return convert


@pytest.mark.parametrize("kind", ["imbalanced", "long_tail"])
def test_channels_out_of_balance_are_mended_and_stay_int8(repaired, kind):
    report, _ = repaired(kind)
    assert [rung.name for rung in report.rungs] == [
        "as asked",
        "better ranges",
        "equalization and bias correction",
    ]
    assert [rung.passed for rung in report.rungs] == [False, False, True]
    asked, mended = report.rungs[0].rows[0], report.row("TFLite int8")
    assert asked.agreement.value < 0.6
    assert mended.agreement.value > 0.98
    assert report.row("ONNX int8").agreement == mended.agreement
    (operators,) = [gate for gate in report.gates if gate.name == "TFLite int8 operators"]
    assert operators.detail.endswith("all in integers")


def test_what_no_other_rung_mends_keeps_its_worst_layers_in_float(repaired):
    report, bundle = repaired("loud")
    assert report.rungs[-1].name.endswith("layers in float")
    assert report.rungs[-1].passed
    assert not any(rung.passed for rung in report.rungs[:-1])
    assert {one.layer for one in report.sensitivity} >= {"loud/mul", "quiet"}
    # Whoever makes the loud tensor and whoever reads it: one of them alone would quantize it all the same.
    in_float = msgspec.json.decode(Bundle(bundle).manifest.recipe)["float_layers"]
    assert {"loud/mul", "quiet"} <= set(in_float)
    assert report.row("TFLite int8").sqnr_db > report.row("TFLite int8 throughout").sqnr_db + 20


def test_each_rung_says_what_it_changed_and_what_refused_it(repaired):
    report, _ = repaired("loud")
    assert report.rungs[0].settings == ""
    assert report.rungs[1].settings == "ranges = best"
    assert report.rungs[2].settings == "ranges = best, equalize = true, correct_bias = true"
    assert all(rung.refused for rung in report.rungs[:-1])
    assert report.rungs[-1].refused == ()


def test_a_model_that_passes_is_left_as_it_is(keras_file, tmp_path):
    data = keras_models.patterns(200, seed=7)
    report = le.convert(keras_file("sequential"), tmp_path / "m.lepton", data=data, repair=True, formats=["tflite"])
    assert report.rungs == ()
    assert report.changes == ()


def refused(keras_file, tmp_path, kind, data, **settings):
    with pytest.raises(GateRefusedError) as error:
        le.convert(keras_file(kind), tmp_path / "m.lepton", data=data, formats=["tflite"], repair=True, **settings)
    assert not (tmp_path / "m.lepton").exists()
    return error.value.report


def test_a_fault_that_is_not_of_the_answers_is_not_climbed_for(keras_file, tmp_path):
    report = refused(keras_file, tmp_path, "floor_mod", keras_models.rising(60).repeat(2, axis=1))
    assert [rung.name for rung in report.rungs] == ["as asked"]
    assert report.warnings[-1].startswith("another quantization cannot mend what refused: TFLite int8 operators")


def test_a_ladder_that_ends_says_so_and_nothing_is_written(keras_file, tmp_path):
    impossible = Recipe(scheme="int8", calibration=20, gates=Gates(min_sqnr_db=90))
    report = refused(keras_file, tmp_path, "logits", keras_models.clusters(120, seed=7), recipe=impossible)
    assert len(report.rungs) >= 4
    assert not any(rung.passed for rung in report.rungs)
    assert "no rung of the repair passed" in report.warnings[-1]
    # What was asked for is what the report is about.
    assert report.row("TFLite int8") == report.rungs[0].rows[0]


def test_a_rung_that_cannot_be_made_is_told_and_the_next_one_tried(keras_file, tmp_path, monkeypatch):
    def fail(*_):
        raise ConversionError("improve: no such operator")

    monkeypatch.setattr(repair, "improve", fail)
    impossible = Recipe(scheme="int8", calibration=20, gates=Gates(min_sqnr_db=90))
    report = refused(keras_file, tmp_path, "logits", keras_models.clusters(120, seed=7), recipe=impossible)
    assert len(report.rungs) >= 4
    assert (report.rungs[2].refused, report.rungs[2].rows) == (("it could not be made: improve: no such operator",), ())
    assert report.rungs[3].settings.startswith("ranges = best, float_layers = ")  # without what failed
    shown = io.StringIO()
    print_report(report, shown)
    assert "equalization and bias correction: not made" in shown.getvalue()


def test_no_rung_is_begun_when_the_time_is_over(keras_file, tmp_path):
    impossible = Recipe(scheme="int8", calibration=20, repair_minutes=1e-9, gates=Gates(min_sqnr_db=90))
    report = refused(keras_file, tmp_path, "logits", keras_models.clusters(120, seed=7), recipe=impossible)
    assert [rung.name for rung in report.rungs] == ["as asked"]
    assert "the repair stopped after 1e-09 minutes" in report.warnings[-1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"repair_minutes": 0}, "repair_minutes is a number of minutes"), ({"scheme": "float16"}, "repair is for int8")],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe("int8", **{"repair": True, **settings})
