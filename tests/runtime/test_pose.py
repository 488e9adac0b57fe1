"""Key points, by every head that tells them, back in the picture."""

import numpy as np
import pytest
from detectors import ORIGIN, card

from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.heads import Heatmaps, Movenet, Simcc, Yolo, YoloEndToEnd, Yunet
from lepton_edge_runtime.plan import Placement
from lepton_edge_runtime.results.poses import COCO_POINTS, FACE_POINTS
from lepton_edge_runtime.tasks import Limits, make_decoder

WIDTH, HEIGHT = 192, 256
BODY = len(COCO_POINTS)


def posed(head, shapes, **more):
    return card(head, shapes, size=(WIDTH, HEIGHT), task="pose", **more)


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_the_greatest_cell_of_a_heat_map_is_the_point_a_quarter_of_a_cell_towards_its_greater_neighbour(layout):
    maps = np.random.default_rng(1).uniform(0, 0.4, (BODY, 64, 48)).astype(np.float32)
    wanted = []
    for k in range(BODY):
        y, x = 2 + 3 * k, 1 + 2 * k
        maps[k, y, x] = 0.9
        maps[k, y, x + 1], maps[k, y, x - 1] = (0.6, 0.5) if k % 2 else (0.5, 0.6)
        maps[k, y + 1, x], maps[k, y - 1, x] = 0.5, 0.6
        wanted.append([(x + (0.25 if k % 2 else -0.25)) * 4, (y - 0.25) * 4])
    tensor = maps[np.newaxis] if layout == "nchw" else np.ascontiguousarray(maps.transpose(1, 2, 0))[np.newaxis]
    found = make_decoder(posed(Heatmaps(layout=layout), {"maps": tensor.shape}))([tensor], None, ORIGIN)
    assert found.names == COCO_POINTS
    np.testing.assert_allclose(found.points[0], wanted)
    np.testing.assert_allclose(found.point_score, 0.9)
    assert found.score.tolist() == pytest.approx([0.9])
    np.testing.assert_allclose(found.xyxy[0], [*np.min(wanted, axis=0), *np.max(wanted, axis=0)])


def test_a_point_at_the_edge_of_its_map_is_not_moved():
    maps = np.zeros((1, 8, 8, 2), np.float32)
    maps[0, 0, 7, 0] = maps[0, 7, 0, 1] = 1
    found = make_decoder(posed(Heatmaps(), {"maps": maps.shape}))([maps], None, ORIGIN)
    assert found.points[0].tolist() == [[7 * WIDTH / 8, 0], [0, 7 * HEIGHT / 8]]


def test_movenets_points_are_y_x_and_score_as_shares():
    told = np.random.default_rng(2).uniform(0, 1, (1, 1, BODY, 3)).astype(np.float32)
    found = make_decoder(posed(Movenet(), {"points": told.shape}))([told], None, ORIGIN)
    np.testing.assert_allclose(found.points[0], told[0, 0][:, [1, 0]] * [WIDTH, HEIGHT], rtol=1e-6)
    np.testing.assert_array_equal(found.point_score[0], told[0, 0, :, 2])


def test_movenets_bodies_come_with_a_box_and_a_score_each():
    told = np.random.default_rng(3).uniform(0, 1, (1, 6, 3 * BODY + 5)).astype(np.float32)
    told[0, :, -1] = [0.1, 0.9, 0.3, 0.2, 0.8, 0.0]
    found = make_decoder(posed(Movenet(), {"bodies": told.shape}))([told], None, ORIGIN)
    assert found.score.tolist() == pytest.approx([0.9, 0.8, 0.3])
    best = told[0, 1]
    points = best[:-5].reshape(BODY, 3)
    np.testing.assert_allclose(found.points[0], points[:, [1, 0]] * [WIDTH, HEIGHT], rtol=1e-6)
    top, left, bottom, right = best[-5:-1]
    np.testing.assert_allclose(
        found.xyxy[0], np.array([left, top, right, bottom]) * [WIDTH, HEIGHT, WIDTH, HEIGHT], rtol=1e-6
    )
    few = make_decoder(posed(Movenet(), {"bodies": told.shape}), Limits(min_score=0.85))([told], None, ORIGIN)
    assert len(few) == 1


def test_simccs_point_is_where_column_and_row_are_greatest():
    rng = np.random.default_rng(4)
    columns = rng.uniform(0, 0.5, (1, BODY, 2 * WIDTH)).astype(np.float32)
    rows = rng.uniform(0, 0.5, (1, BODY, 2 * HEIGHT)).astype(np.float32)
    at = rng.integers(0, 2 * WIDTH, (BODY, 2))
    for k, (x, y) in enumerate(at):
        columns[0, k, x], rows[0, k, y] = 0.8, 0.6 + k / 100
    found = make_decoder(posed(Simcc(), {"x": columns.shape, "y": rows.shape}))([columns, rows], None, ORIGIN)
    np.testing.assert_array_equal(found.points[0], at / 2)
    np.testing.assert_allclose(found.point_score[0], np.minimum(0.8, 0.6 + np.arange(BODY) / 100), rtol=1e-6)


@pytest.mark.parametrize("numbers", [2, 3])
def test_yolos_points_follow_the_scores(numbers):
    rows = np.zeros((200, 5 + numbers * BODY), np.float32)
    rows[:, :5] = [50, 60, 30, 40, 0.1]
    rows[7, :5] = [100, 120, 40, 80, 0.9]
    rows[7, 5:] = np.arange(numbers * BODY)
    tensor = np.ascontiguousarray(rows.T[np.newaxis])
    made = posed(Yolo(keypoints=BODY, keypoint_numbers=numbers), {"rows": tensor.shape})
    found = make_decoder(made)([tensor], Placement(0.5, 0.25, 10, 20, 400, 900), ORIGIN)
    told = rows[7, 5:].reshape(BODY, numbers)
    np.testing.assert_allclose(found.points[0], (told[:, :2] - [10, 20]) / [0.5, 0.25])
    np.testing.assert_array_equal(found.point_score[0], told[:, 2] if numbers == 3 else np.ones(BODY))
    np.testing.assert_allclose(found.xyxy[0], [140, 240, 220, 560])


def test_end_to_end_rows_have_points_too():
    row = np.concatenate([[10, 20, 60, 100, 0.7, 0], np.arange(3 * BODY) / 100]).astype(np.float32)
    made = posed(YoloEndToEnd(keypoints=BODY, unit="share"), {"rows": (1, 1, row.size)})
    found = make_decoder(made)([row[np.newaxis, np.newaxis]], None, ORIGIN)
    np.testing.assert_allclose(found.points[0, :, 0], row[6::3] * WIDTH)


def test_a_pose_prints_draws_and_becomes_json():
    told = np.full((1, 1, BODY, 3), 0.5, np.float32)
    found = make_decoder(posed(Movenet(), {"points": told.shape}))([told], None, ORIGIN)
    assert str(found) == "0.500 [96 128 96 128]"
    assert found.to_dict()["poses"][0]["points"][0] == {"name": "nose", "x": 96.0, "y": 128.0, "score": 0.5}
    (pose,) = found
    assert pose.points[9].name == "left wrist"
    drawn = found.draw(np.zeros((HEIGHT, WIDTH), np.uint8))
    assert drawn.shape == (HEIGHT, WIDTH, 3)
    assert drawn[128, 96].any()


def test_points_are_called_as_the_card_says():
    told = np.zeros((1, 1, 2, 3), np.float32)
    found = make_decoder(posed(Movenet(), {"points": told.shape}, points=("thumb", "wrist")))([told], None, ORIGIN)
    assert found.names == ("thumb", "wrist")
    assert make_decoder(posed(Movenet(), {"points": told.shape}))([told], None, ORIGIN).names == ("0", "1")
    with pytest.raises(BundleError, match="1 names for 2 key points"):
        make_decoder(posed(Movenet(), {"points": told.shape}, points=("thumb",)))


@pytest.mark.parametrize(
    ("head", "shapes", "message"),
    [
        (None, {"a": (1, 1, 17, 3)}, "needs a head that tells key points: yolo.* has none"),
        (Yolo(), {"a": (1, 84, 100)}, "needs key points, and the card's head 'yolo' has none"),
        (Movenet(), {"a": (1, 6, 55)}, "'movenet' has"),
        (Heatmaps(), {"a": (1, 6, 55)}, "one output of 4 axes"),
        (Simcc(), {"x": (1, 17, 384), "y": (1, 17, 384)}, "1 × points × 384 and 1 × points × 512"),
        (Yunet(), {"cls_8": (1, 10, 1)}, "has an output 'cls_8' of the shape"),
    ],
)
def test_what_tells_no_points_is_refused(head, shapes, message):
    with pytest.raises(BundleError, match=message):
        make_decoder(posed(head, shapes))


def test_faces_have_five_points_with_names():
    assert len(FACE_POINTS) == 5
