"""Boxes: out of the head, back into the picture."""

import numpy as np
import pytest

import lepton_edge as le
from lepton_edge_runtime.card import Card, InputCard, OutputCard
from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.heads import Simcc, TflitePostprocess
from lepton_edge_runtime.plan import Placement
from lepton_edge_runtime.results import Origin, Timing
from lepton_edge_runtime.tasks import Limits, make_decoder
from lepton_edge_runtime.tensors import TensorSpec

ORIGIN = Origin("test", Timing(0, 0))
FINISHED = TflitePostprocess()
BOXES = [[0.25, 0.1, 0.75, 0.5], [-0.1, 0.0, 1.2, 1.0], [0.0, 0.0, 0.1, 0.1], [0.4, 0.4, 0.6, 0.6]]


def card(*, labels=("ant", "bee"), count=4, head=FINISHED):
    shapes = {"boxes": (1, count, 4), "classes": (1, count), "scores": (1, count), "count": (1,)}
    picture = TensorSpec(name="picture", dtype="uint8", shape=(1, 100, 200, 3))
    return Card(
        name="m",
        task="detect",
        inputs=(InputCard(picture, le.Preprocess(range=(0, 255))),),
        outputs=tuple(OutputCard(TensorSpec(name=n, dtype="float32", shape=s)) for n, s in shapes.items()),
        labels=labels,
        head=head,
    )


def outputs(*, boxes=BOXES, classes=(1, 0, 7, 0), scores=(0.5, 0.9, 0.4, 0.3), count=3.0):
    return [np.array([one], np.float32) for one in (boxes, classes, scores)] + [np.array([count], np.float32)]


def test_boxes_are_sorted_and_named_in_pixels_of_the_input_without_a_picture():
    found = make_decoder(card())(outputs(), None, ORIGIN)
    assert found.labels == ("ant", "bee", "7")
    np.testing.assert_allclose(found.score, [0.9, 0.5, 0.4])
    np.testing.assert_allclose(found.xyxy[1], [20, 25, 100, 75], rtol=1e-6)
    assert found.xyxy.dtype == np.float32
    assert found.class_id.tolist() == [0, 1, 7]


def test_boxes_of_a_lower_score_are_left_out():
    found = make_decoder(card(), Limits(min_score=0.5))(outputs(), None, ORIGIN)
    assert found.score.tolist() == [np.float32(0.9), 0.5]


@pytest.mark.parametrize(("limits", "message"), [({"min_score": 1.5}, "from 0 to 1, not 1.5"), ({"top": 0}, "not 0")])
def test_limits_that_no_result_could_keep_are_refused(limits, message):
    with pytest.raises(ValueError, match=message):
        Limits(**limits)


@pytest.mark.parametrize(
    "placement",
    [
        Placement(0.5, 0.25, 0, 0, 400, 400),  # stretched
        Placement(0.5, 0.5, 0, 25, 400, 100),  # bars above and below
        Placement(1.0, 1.0, -30, -10, 260, 120),  # the centre, cut out
    ],
)
def test_boxes_come_back_where_they_are_in_the_picture(placement):
    true = np.array([60.0, 40.0, 90.0, 70.0])
    scale, offset = (placement.scale_x, placement.scale_y), (placement.offset_x, placement.offset_y)
    left, top, right, bottom = true * (scale * 2) + (offset * 2)
    box = [top / 100, left / 200, bottom / 100, right / 200]
    found = make_decoder(card(count=1))(outputs(boxes=[box], classes=(0,), scores=(1,), count=1), placement, ORIGIN)
    np.testing.assert_allclose(found.xyxy[0], true, atol=1e-3)  # float32 shares of 200 pixels


def test_boxes_are_cut_at_the_edges_of_the_picture():
    found = make_decoder(card())(outputs(), Placement(0.5, 0.5, 0, 25, 400, 100), ORIGIN)
    assert found.xyxy[0].tolist() == [0, 0, 400, 100]


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (2, 2), (99, 4), (-1, 0), (float("nan"), 0)])
def test_only_as_many_boxes_as_count_are_given(count, expected):
    assert len(make_decoder(card())(outputs(count=count), None, ORIGIN)) == expected


def test_boxes_that_are_no_numbers_are_left_out():
    broken = [[float("nan")] * 4, *BOXES[1:]]
    assert len(make_decoder(card())(outputs(boxes=broken), None, ORIGIN)) == 2


@pytest.mark.parametrize(
    "broken",
    [
        {"scores": (np.inf, 0.9, 0.4, 0.3)},
        {"scores": (np.nan, 0.9, 0.4, 0.3)},
        {"classes": (1e30, 0, 7, 0)},
        {"classes": (-3, 0, 7, 0)},
        {"classes": (np.nan, 0, 7, 0)},
        {"boxes": [[3e38, 0.1, 0.75, 0.5], *BOXES[1:]]},
    ],
    ids=str,
)
def test_scores_classes_and_places_of_nothing_are_left_out(broken):
    found = make_decoder(card())(outputs(**broken), None, ORIGIN)
    assert found.class_id.tolist() == [0, 7]
    assert found.score.tolist() == [np.float32(0.9), np.float32(0.4)]


def test_a_result_prints_draws_and_becomes_json():
    found = make_decoder(card())(outputs(), Placement(1.0, 1.0, 0, 0, 200, 100), ORIGIN)
    assert str(found).startswith("ant 0.900 [0 0 200 100]  bee 0.500 [20 25 100 75]")
    assert found.to_dict()["detections"][1] == {"class_id": 1, "label": "bee", "score": 0.5, "box": [20, 25, 100, 75]}
    assert [one.label for one in found] == ["ant", "bee", "7"]
    frame = np.zeros((100, 200, 3), np.uint8)
    drawn = found.draw(frame)
    assert frame.max() == 0
    assert (drawn[25:75, 20] != 0).any(axis=1).all()  # the left edge of the second box
    assert str(make_decoder(card())(outputs(count=0), None, ORIGIN)) == "nothing found"


def test_what_is_no_detector_is_refused():
    with pytest.raises(BundleError, match="needs a head that says how boxes are laid out: tflite_postprocess, .* none"):
        make_decoder(card(head=None))
    with pytest.raises(BundleError, match="card's is 'simcc'"):
        make_decoder(card(head=Simcc()))
    other = card()
    with pytest.raises(BundleError, match="has boxes, classes, scores and their count"):
        make_decoder(Card(name="m", task="detect", inputs=other.inputs, outputs=other.outputs[:2], head=other.head))
