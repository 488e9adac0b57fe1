"""Regions of interest: what the model is shown, where its answers lie, and what is told once."""

import cv2
import numpy as np
import pytest
import small_models
from bright_things import BrightThings, picture
from detectors import ORIGIN, onnx_finder
from hypothesis import given
from hypothesis import strategies as st

import lepton_edge as le
from lepton_edge_runtime.areas import Area
from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.heads import YoloEndToEnd
from lepton_edge_runtime.results import Chained, Classes, Mask
from lepton_edge_runtime.yuv import YuvImage, bgr_of

PICTURE = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)


@pytest.fixture
def finder(tmp_path):
    (tmp_path / "finder.onnx").write_bytes(onnx_finder([[4, 2, 20, 14, 0.9, 0], [8, 10, 28, 22, 0.8, 1]]))
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


@pytest.mark.parametrize("region", [(40, 30, 120, 90), (0.25, 0.25, 0.75, 0.75)])
def test_a_classifier_is_asked_about_the_region_alone(classifier, region):
    said = le.Regions(classifier, region)(PICTURE)
    np.testing.assert_array_equal(said.score, classifier(PICTURE[30:90, 40:120]).score)


def test_the_region_is_a_view_of_the_picture():
    model = BrightThings()
    le.Regions(model, (40, 30, 120, 90))(PICTURE)
    assert model.shown[0].shape == (60, 80, 3)
    assert np.shares_memory(model.shown[0], PICTURE)


def test_a_region_of_a_cameras_own_picture_is_one_of_its_colours():
    camera = YuvImage.from_bytes(PICTURE.tobytes()[: 160 * 120 * 3 // 2], "nv12", 160, 120)
    model = BrightThings()
    le.Regions(model, (40, 30, 120, 90))(camera)
    np.testing.assert_array_equal(model.shown[0], bgr_of(camera)[30:90, 40:120])


def test_boxes_are_those_of_the_whole_picture(finder):
    # The region is twice as large as the input.
    found = le.Regions(finder, (40, 30, 104, 78))(PICTURE)
    np.testing.assert_allclose(found.xyxy, [[48, 34, 80, 58], [56, 50, 96, 74]], atol=1e-4)


def test_masks_are_those_of_the_whole_picture():
    def segment(image):
        height, width = image.shape[:2]
        return Mask(np.ones((2, 2), np.int32), (0, 0, width, height), (width, height), ("road", "car"), ORIGIN)

    seen = le.Regions(segment, (40, 30, 120, 90))(PICTURE).at_picture()
    assert seen.shape == (120, 160)
    assert (seen[30:90, 40:120] == 1).all()
    assert (seen == 1).sum() == 60 * 80


def test_a_thing_in_several_regions_is_told_once_and_one_outside_not_at_all():
    boxes = [[300, 200, 340, 260], [100, 230, 160, 250], [200, 100, 280, 180], [600, 440, 630, 470]]
    # The third is cut by the first region, and whole in the second.
    regions = [(0, 0, 250, 480), (150, 0, 400, 480)]
    found = le.Regions(BrightThings(), regions)(picture(boxes))
    assert sorted(found.xyxy.tolist()) == sorted(boxes[:3])
    assert found.labels == ("thing",) * 3


def test_regions_that_touch_no_other_add_up():
    boxes = [[10, 10, 40, 40], [500, 300, 560, 380]]
    model = BrightThings()
    found = le.Regions(model, [(0, 0, 100, 100), (450, 250, 640, 480)])(picture(boxes))
    assert sorted(found.xyxy.tolist()) == boxes
    assert [one.shape for one in model.shown] == [(100, 100, 3), (230, 190, 3)]


def test_the_boxes_of_motion_are_regions():
    boxes = np.array([[10, 10, 40, 40], [500, 300, 560, 380]])
    found = le.Regions(BrightThings(), boxes)(picture([[12, 12, 30, 30]]))
    assert found.xyxy.tolist() == [[12, 12, 30, 30]]


def test_tiles_lie_in_the_region():
    boxes = [[300, 200, 340, 260], [460, 230, 500, 250], [20, 20, 40, 40]]
    model = BrightThings()
    found = le.Regions(le.Tiled(model, 2, 2, overlap=0), (200, 100, 640, 480))(picture(boxes))
    assert sorted(found.xyxy.tolist()) == boxes[:2]
    assert [one.shape for one in model.shown] == [(190, 220, 3)] * 4 + [(380, 440, 3)]


def test_a_chain_begins_with_regions_or_lies_in_one(finder, classifier):
    inside = (40, 30, 104, 78)
    first = le.chain(le.Regions(finder, inside), classifier)(PICTURE)
    whole = le.Regions(le.chain(finder, classifier), inside)(PICTURE)
    assert isinstance(first, Chained)
    assert isinstance(whole, Chained)
    for one in (first, whole):
        np.testing.assert_allclose(one.found.xyxy, [[48, 34, 80, 58], [56, 50, 96, 74]], atol=1e-4)
        np.testing.assert_array_equal(one.then[0].score, classifier(PICTURE[34:58, 48:80]).score)


def test_what_of_a_region_lies_outside_the_picture_is_cut_off():
    model = BrightThings()
    le.Regions(model, (-20, 90, 60, 900))(PICTURE)
    assert model.shown[0].shape == (30, 60, 3)


def test_a_region_outside_the_picture_is_an_error(classifier):
    with pytest.raises(InputError, match="the area 200,0,300,50 lies outside the picture, which is 160×120"):
        le.Regions(classifier, (200, 0, 300, 50))(PICTURE)


@pytest.mark.parametrize(
    ("regions", "message"),
    [
        ([], "there is one region or more"),
        ((1, 2, 3), "an area is four numbers"),
        ("left", "an area is four numbers"),
        ([(0, 0, 10, 10), (0, 0, 10)], "an area is four numbers"),
        ((10, 0, 5, 10), "each pair growing, not 10,0,5,10"),
        ((0, 0, float("nan"), 1), "each pair growing"),
        ((0.5, 0, 1.2, 1), "in pixels, 2 or more each way, or with all edges in 0..1"),
        ((-0.5, 0, 0.5, 1), "in pixels, 2 or more each way, or with all edges in 0..1"),
    ],
)
def test_what_is_no_region_is_refused_at_once(classifier, regions, message):
    with pytest.raises(ValueError, match=message):
        le.Regions(classifier, regions)


def test_several_regions_are_for_detectors(classifier):
    regions = le.Regions(classifier, [(0, 0, 50, 50), (50, 50, 100, 100)])
    with pytest.raises(InputError, match="several regions are for detectors, and this model answers Classes"):
        regions(PICTURE)
    with pytest.raises(ValueError, match="iou lies in 0..1"):
        le.Regions(classifier, (0, 0, 1, 1), iou=2)


def test_the_frames_of_a_camera_are_answered(classifier, tmp_path):
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.png"), PICTURE)
    with le.Camera(tmp_path / "0.png") as camera:
        answers = list(le.Regions(classifier, (0, 0, 0.5, 0.5)).stream(camera, gate=lambda frame: True))
    assert [one.origin.frame.name for one in answers] == ["0.png"]
    assert isinstance(answers[0], Classes)
    assert camera.counts.delivered == 1


@given(
    width=st.integers(20, 4000), height=st.integers(20, 4000), left=st.floats(0, 0.45), top=st.floats(0, 0.45),
    right=st.floats(0.55, 1), bottom=st.floats(0.55, 1),
)  # fmt: skip
def test_shares_are_whole_pixels_in_the_picture_and_leave_none_out_that_is_touched(
    width, height, left, top, right, bottom
):
    found = Area(left, top, right, bottom).of(width, height)
    assert 0 <= found[0] <= left * width < right * width <= found[2] <= width
    assert 0 <= found[1] <= top * height < bottom * height <= found[3] <= height
    assert found[0] > left * width - 1
    assert found[3] < bottom * height + 1
