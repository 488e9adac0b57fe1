"""convert() and its judges: what is odd about the samples, metrics, and what strict refuses."""

import json

import keras_models
import numpy as np
import pytest

import lepton_edge as le
from lepton_edge_converters.errors import GateRefusedError, MetricError, RecipeError, SamplesError


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.lepton"


GOOD = keras_models.patterns(300, seed=7)


def test_good_samples_pass_strictly(keras_file, out):
    report = le.convert(keras_file("sequential"), out, data=GOOD, strict=True, max_drop=10)
    assert report.lint == ()
    assert [gate.detail for gate in report.gates if gate.name == "samples"] == ["nothing odd about them"]


def test_swapped_colours_are_said_and_refused_where_strict(keras_file, out):
    pictures, targets = keras_models.tinted(150)
    blue_first = np.ascontiguousarray(pictures[..., ::-1]), targets
    # The gates cannot know: int8 is wrong where the original is wrong.
    report = le.convert(keras_file("tints"), out, data=blue_first)
    assert [one.code for one in report.lint] == ["CHANNEL_ORDER"]
    written = json.loads(out.with_suffix(".report.json").read_text())
    assert written["lint"][0]["code"] == "CHANNEL_ORDER"
    assert written["lint"][0]["text"].endswith("try --color bgr")
    with pytest.raises(
        GateRefusedError, match=r"refused: samples CHANNEL_ORDER: the original model is right on 100.0% of"
    ):
        le.convert(keras_file("tints"), out, data=blue_first, strict=True, force=True)


def test_a_model_without_samples_is_not_strictly_proven(keras_file, out):
    report = le.convert(keras_file("sequential"), out, recipe="float32")
    assert [one.code for one in report.lint] == ["NO_SAMPLES"]


def test_a_metric_of_ones_own_gets_the_labels_as_they_were_given(out):
    numbers = np.random.default_rng(0).uniform(1, 4, (60, 8)).astype(np.float32)
    model = keras_models.build("square_root")
    measured = np.asarray(model(numbers)) + 0.1 * np.random.default_rng(1).normal(size=(60, 3))
    asked = {
        "data": (numbers, measured),
        "recipe": "float32",
        "metric": "own_metrics:negative_error",
        "formats": ["onnx"],
    }
    report = le.convert(model, out, **asked, min_metric=-0.2, max_drop=0.001)
    # The mean of |N(0, .1)| is .08: the model errs as the measurements were made to.
    assert report.row("original").score.value == pytest.approx(-0.08, abs=0.02)
    assert report.row("ONNX float32").loss.value == pytest.approx(0, abs=1e-5)
    names = [gate.name for gate in report.gates]
    assert "ONNX float32 own_metrics:negative_error" in names
    assert "ONNX float32 own_metrics:negative_error drop" in names
    with pytest.raises(GateRefusedError, match=r"negative_error: -0.0.* \(at least -0.01\)"):
        le.convert(model, out, **asked, min_metric=-0.01, force=True)


def test_plain_numbers_are_told_their_r2(keras_file, out):
    report = le.convert(keras_file("logits"), out, data=keras_models.clusters(200)[0])
    assert report.task == "raw"
    score = report.row("TFLite int8").score
    assert score.metric == "r2"
    assert 0.99 < score.low <= score.value <= score.high <= 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"metric": "mioU"}, MetricError, r"no metric 'mioU' \(did you mean 'miou'\?\)"),
        ({"metric": "own_metrics:none"}, MetricError, "the module 'own_metrics' has no 'none'"),
        ({"metric": "miou"}, MetricError, "'miou' is for an output of height × width × classes; this model's are"),
        ({"min_metric": 0.5}, SamplesError, r"no metric goes with the task 'classify', .* name one \(--metric\)"),
        ({"metric": "r2", "max_drop": 1.0}, RecipeError, "which is at most 1, not 1; a point is 0.01"),
        ({"max_drop": 101.0}, RecipeError, "max_drop is in points of accuracy, 0 to 100, not 101"),
    ],
)
def test_what_cannot_be_judged_is_refused(keras_file, out, options, error, message):
    with pytest.raises(error, match=message):
        le.convert(keras_file("sequential"), out, data=GOOD, **options)


def test_labels_of_another_number_than_samples_are_refused(keras_file, out):
    with pytest.raises(SamplesError, match="the samples: 59 labels for 60 samples"):
        le.convert(
            keras_file("logits"), out, data=(keras_models.clusters(60)[0], np.zeros((59, 3))), task="raw",
            metric="own_metrics:negative_error",
        )  # fmt: skip


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_pictures_whose_channels_come_first_are_told_so(keras_file, out, kind):
    planes = np.moveaxis(GOOD[0], -1, 1).astype(kind)
    with pytest.raises(SamplesError, match=r"their channels come first: move them last"):
        le.convert(keras_file("sequential"), out, data=planes)
