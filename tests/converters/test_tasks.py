"""Models of tasks with heads: what is said of them is judged, goes into the bundle, and decodes on the device."""

import numpy as np
import pytest
import task_models

import lepton_edge as le
from lepton_edge.cli import execute
from lepton_edge_converters.errors import GateRefusedError, SamplesError
from lepton_edge_converters.worker import Worker
from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.heads import Heatmaps, Semantic, Yolo

PICTURES = task_models.pictures(60)
DETECTOR = le.Description(head=Yolo(unit="share", min_score=0.3), labels=("ant", "bee"))


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.lepton"


def test_a_detector_is_judged_by_its_boxes_and_finds_them_on_the_device(out):
    model = task_models.build("detector")
    report = le.convert(model, out, data=PICTURES, description=DETECTOR)
    assert report.task == "detect"
    assert report.row("TFLite int8").score.metric == "map"
    assert 0.5 < report.row("TFLite int8").score.value <= 1
    with le.open_model(out) as opened:
        assert opened.labels == ("ant", "bee")
        found = opened(PICTURES[0][..., ::-1])  # the samples are RGB, frames are BGR
    assert isinstance(found, le.Detections)
    rows = model.predict(PICTURES[:1].astype(np.float32), verbose=0)[0].T
    best = rows[rows[:, 4:].max(axis=1).argmax()]
    assert found.score[0] == pytest.approx(best[4:].max(), abs=0.03)
    assert found.class_id[0] == best[4:].argmax()


def test_a_segmenter_and_a_pose_net_likewise(out):
    report = le.convert(
        task_models.build("segmenter"),
        out,
        data=PICTURES,
        recipe="float32",
        description=le.Description(head=Semantic()),
    )
    assert (report.task, report.row("TFLite float32").score.metric) == ("segment", "miou")
    with le.open_model(out) as opened:
        assert opened(PICTURES[0]).class_id.shape == (12, 16)
    description = le.Description(head=Heatmaps(), points=("a", "b", "c", "d", "e"))
    report = le.convert(
        task_models.build("poser"), out, data=PICTURES, recipe="float32", description=description, force=True
    )
    assert (report.task, report.row("TFLite float32").score.metric) == ("pose", "oks")
    with le.open_model(out) as opened:
        assert opened(PICTURES[0]).names == ("a", "b", "c", "d", "e")


def test_a_detector_with_other_boxes_is_refused(out):
    with pytest.raises(GateRefusedError, match="map"):
        le.convert(task_models.build("detector"), out, data=PICTURES, description=DETECTOR, min_metric=1.01)
    assert not out.exists()


@pytest.mark.parametrize(
    ("description", "error", "message"),
    [
        (le.Description(task="detect"), BundleError, "needs a head"),
        (le.Description(head=Heatmaps()), BundleError, "has one output of 4 axes"),
        (le.Description(head=Yolo(), labels=("ant",)), BundleError, "1 labels for 2 classes"),
        (le.Description(task="detekt"), SamplesError, "did you mean 'detect'"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_exported(description, error, message, out):
    with pytest.raises(error, match=message):
        le.convert(task_models.build("detector"), out, data=PICTURES, description=description)
    assert not out.exists()


def test_a_toml_file_says_it_on_the_command_line_too(out, tmp_path):
    with Worker() as worker:
        worker.call("task_models:save", "detector", str(tmp_path / "detector.keras"))
    np.save(tmp_path / "pictures.npy", PICTURES)
    (tmp_path / "said.toml").write_text('labels = ["ant", "bee"]\nhead = { kind = "yolo", unit = "share" }\n')
    arguments = ("--data", tmp_path / "pictures.npy", "--describe", tmp_path / "said.toml", "--recipe", "float32")
    status = execute(
        [str(one) for one in ("convert", tmp_path / "detector.keras", "-o", out, "--no-cache", *arguments)]
    )
    assert status == 0
    assert le.Bundle(out).card.head == Yolo(unit="share")
