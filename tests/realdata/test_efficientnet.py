"""A real ImageNet classifier on real pictures; skipped where they are absent."""

import numpy as np
import pytest

import lepton_edge as le
from lepton_edge_converters.exporters import DERIVED
from lepton_edge_runtime.images import list_images

pytestmark = [pytest.mark.realdata, pytest.mark.slow]


@pytest.fixture(scope="module")
def efficientnet(real_data, tmp_path_factory):
    path = tmp_path_factory.mktemp("real") / "lite0.lepton"
    report = le.convert(
        real_data / "models" / "efficientnet_lite0.keras",
        path,
        data=real_data / "images" / "imagenet" / "labels.csv",
        preprocess=le.Preprocess(resize="crop", range=(0, 255)),
        holdout=0.8,
    )
    return path, report


def test_int8_is_still_the_same_model(efficientnet):
    report = efficientnet[1]
    assert report.samples.judged == 400
    # 0.886 on 1,000 samples is known of this model; 400 of another draw are good to some three points.
    assert report.row("original").accuracy.value == pytest.approx(0.886, abs=0.045)
    for title in ("TFLite int8", "ONNX int8"):
        assert report.row(title).agreement.value >= 0.96
        assert report.row(title).drop.points <= 2


def test_both_formats_decide_alike(efficientnet, real_data):
    path, report = efficientnet
    assert report.row("ONNX int8").route == DERIVED
    with le.open_model(path, backend="tflite") as one, le.open_model(path, backend="onnx") as other:
        pictures = list_images(real_data / "images" / "imagenet")
        same = [one(picture).top.index == other(picture).top.index for picture in pictures]
    assert len(same) == 500
    assert np.mean(same) >= 0.995


def test_it_is_a_quarter_of_the_size(efficientnet):
    report = efficientnet[1]
    assert report.row("TFLite int8").size_bytes < 0.3 * report.row("TFLite float32").size_bytes


def test_a_street_is_answered_frame_by_frame(efficientnet, real_data):
    with le.open_model(efficientnet[0]) as model, le.Camera(real_data / "videos" / "vtest.avi") as camera:
        answered = sum(1 for _ in model.stream(camera))
    counts = camera.counts
    assert answered == counts.delivered == 795
    assert counts.captured == answered + sum(counts.dropped.values())


def test_its_samples_are_good_ones(efficientnet):
    assert efficientnet[1].lint == ()


def test_swapped_colours_are_suspected_on_real_pictures(real_data, tmp_path):
    report = le.convert(
        real_data / "models" / "efficientnet_lite0.keras",
        tmp_path / "bgr.lepton",
        data=real_data / "images" / "imagenet" / "labels.csv",
        preprocess=le.Preprocess(resize="crop", range=(0, 255), color="bgr"),
        recipe="float32",
        formats=["tflite"],
    )
    assert [one.code for one in report.lint] == ["CHANNEL_ORDER"]
