"""One model after the other: what the second is shown, and where its answers lie in the picture."""

import cv2
import numpy as np
import pytest
import small_models
from detectors import ORIGIN, onnx_finder

import lepton_edge as le
from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.heads import YoloEndToEnd
from lepton_edge_runtime.results import Chained, Classes, Detections, Instances, Mask, Poses
from lepton_edge_runtime.results.moving import moved

SIZE = (32, 24)
# In pixels of the input, half of the picture's: an ant, a bee, a speck of an ant.
ROWS = [[4, 2, 20, 14, 0.9, 0], [8, 10, 28, 22, 0.8, 1], [1, 1, 2, 2, 0.7, 0]]
PICTURE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


@pytest.fixture
def finder(tmp_path):
    (tmp_path / "finder.onnx").write_bytes(onnx_finder(ROWS, size=SIZE))
    said = le.Description(
        head=YoloEndToEnd(), labels=("ant", "bee"), preprocess=le.Preprocess(color="bgr", range=(0, 255))
    )
    with le.open_model(tmp_path / "finder.onnx", description=said) as model:
        yield model


@pytest.fixture
def classifier(tmp_path):
    (tmp_path / "kind.onnx").write_bytes(small_models.onnx_picture_classifier().SerializeToString())
    with le.open_model(tmp_path / "kind.onnx", labels=("red", "green", "blue")) as model:
        yield model


def test_the_second_model_is_asked_about_what_the_first_finds(finder, classifier):
    answer = le.chain(finder, classifier)(PICTURE)
    assert answer.found.labels == ("ant", "bee", "ant")
    assert answer.then[2] is None, "a box of 2 pixels is too small to ask about"
    for box, said in zip([(8, 4, 40, 28), (16, 20, 56, 44)], answer.then, strict=False):
        left, top, right, bottom = box
        alone = classifier(PICTURE[top:bottom, left:right])
        assert said.labels == alone.labels
        np.testing.assert_array_equal(said.score, alone.score)


def test_only_some_are_asked_about(finder, classifier):
    bees = le.chain(finder, classifier, on="bee")(PICTURE)
    assert [said is not None for said in bees.then] == [False, True, False]
    first = le.chain(finder, classifier, most=1)(PICTURE)
    assert [said is not None for said in first.then] == [True, False, False]
    every = le.chain(finder, classifier, least_pixels=1)(PICTURE)
    assert None not in every.then


def test_a_margin_is_added_and_ends_at_the_picture(finder, classifier):
    said = le.chain(finder, classifier, margin=0.5)(PICTURE).then[0]
    alone = classifier(PICTURE[0:40, 0:56])
    np.testing.assert_array_equal(said.score, alone.score)


def test_places_are_those_of_the_whole_picture(finder):
    answer = le.chain(finder, finder)(PICTURE)
    # The part, 32 × 24 pixels from (8, 4), is as large as the input.
    np.testing.assert_allclose(answer.then[0].xyxy[0], [8 + 4, 4 + 2, 8 + 20, 4 + 14], atol=1e-4)


def test_chains_of_three(finder, classifier):
    answer = le.chain(finder, finder, classifier, least_pixels=1)(PICTURE)
    inner = answer.then[0]
    assert isinstance(inner, Chained)
    assert isinstance(inner.then[0], Classes)
    assert len(answer.to_dict()["detections"][0]["then"]["detections"]) == 3


def test_a_chain_answers_the_frames_of_a_camera(finder, classifier, tmp_path):
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.png"), PICTURE)
    with le.Camera(tmp_path) as camera:
        answers = list(le.chain(finder, classifier).stream(camera))
    assert [one.origin.frame.name for one in answers] == ["0.png", "1.png", "2.png"]
    assert answers[0].then[0].origin.frame is answers[0].origin.frame
    assert camera.counts.delivered == 3


def test_a_chain_prints_draws_and_becomes_json(finder, classifier):
    answer = le.chain(finder, classifier, on="bee")(PICTURE)
    assert str(answer).startswith("ant 0.900 [8 4 40 28]  bee 0.800 [16 20 56 44] → ")
    assert answer.to_dict()["detections"][0]["then"] is None
    assert len(answer.to_dict()["detections"][1]["then"]["classes"]) == 3
    large = np.zeros((480, 640, 3), np.uint8)
    assert (answer.draw(large) != answer.found.draw(large)).any()


def test_what_cannot_be_chained_is_refused(finder, classifier):
    with pytest.raises(InputError, match="two models or more"):
        le.chain(finder)
    with pytest.raises(InputError, match="no class 'wasp'; it knows: ant, bee"):
        le.chain(finder, classifier, on="wasp")
    with pytest.raises(ValueError, match="most is 1 or more"):
        le.chain(finder, classifier, most=0)
    with pytest.raises(InputError, match="finds boxes, and this one answers Classes"):
        le.chain(classifier, finder)(PICTURE)


def test_results_are_moved_with_all_their_places():
    boxes = Detections(np.ones((1, 4), np.float32), np.ones(1), np.zeros(1, np.int64), ("a",), ORIGIN)
    assert moved(boxes, (10, 20), (99, 99)).xyxy.tolist() == [[11, 21, 11, 21]]
    pose = Poses(np.ones((1, 4)), np.ones(1), np.ones((1, 2, 2)), np.ones((1, 2)), ("x", "y"), ORIGIN)
    assert moved(pose, (10, 20), (99, 99)).points.tolist() == [[[11, 21], [11, 21]]]
    things = Instances(boxes, np.array([[1, 1]]), (np.ones((2, 2), bool),), ORIGIN)
    assert moved(things, (10, 20), (99, 99)).corners.tolist() == [[11, 21]]
    mask = Mask(np.zeros((2, 2), np.int32), (0, 0, 4, 4), (4, 4), (), ORIGIN)
    assert moved(mask, (10, 20), (99, 90)).at_picture()[20:24, 10:14].tolist() == [[0] * 4] * 4
    assert (moved(mask, (10, 20), (99, 90)).at_picture() >= 0).sum() == 16
