"""Every head of boxes beside a decoder written row by row, and in integers beside floats."""

import math

import numpy as np
import pytest
from detectors import ORIGIN, card, naive_nms, share_quant, stored
from hypothesis import given, settings
from hypothesis import strategies as st

from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.heads import AnchorLevel, Centernet, Ssd, Yolo, YoloEndToEnd, Yolox
from lepton_edge_runtime.tasks import Limits, make_decoder
from lepton_edge_runtime.tensors import Quant, dequantize

WIDTH, HEIGHT = 320, 256
CLASSES = 5


def noise(seed, *shape, high=0.2):
    return np.random.default_rng(seed).uniform(0, high, shape).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def expected(found, *, least, iou):
    """Return boxes, scores and classes that stay of (box, score, class) triples, as a plain loop finds them."""
    found = [one for one in found if one[1] >= least]
    boxes, scores, classes = ([one[i] for one in found] for i in range(3))
    kept = naive_nms(boxes, scores, classes, iou)
    clipped = np.array([boxes[i] for i in kept]).reshape(-1, 4)
    return clipped, np.array([scores[i] for i in kept]), [classes[i] for i in kept]


def check(found, wanted, *, pixels=1e-2):
    boxes, scores, classes = wanted
    assert len(found) == len(classes) > 0
    assert found.class_id.tolist() == classes
    np.testing.assert_allclose(found.score, scores, rtol=1e-5)
    np.testing.assert_allclose(found.xyxy, boxes, atol=pixels)


def yolo_rows(seed, *, objectness, unit, count=1500, things=8):
    """Return rows of numbers: things seen by a dozen boxes each, and noise."""
    rng = np.random.default_rng(seed)
    rows = np.zeros((count, 4 + objectness + CLASSES), np.float32)
    rows[:, :2] = rng.uniform(0, [WIDTH, HEIGHT], (count, 2))
    rows[:, 2:4] = rng.uniform(5, 60, (count, 2))
    rows[:, 4:] = rng.uniform(0, 0.2, (count, CLASSES + objectness))
    for place in range(things):
        near = rng.choice(count, 12, replace=False)
        rows[near, :4] = rng.uniform([20, 20, 30, 30], [WIDTH - 20, HEIGHT - 20, 60, 60]) + rng.normal(0, 2, (12, 4))
        rows[near, 4 + objectness + place % CLASSES] = rng.uniform(0.4, 0.99, 12)
        if objectness:
            rows[near, 4] = rng.uniform(0.7, 0.99, 12)
    if unit == "share":
        rows[:, :4] /= [WIDTH, HEIGHT, WIDTH, HEIGHT]
    return rows


def yolo_by_rows(rows, *, objectness, unit):
    scale = (WIDTH, HEIGHT) if unit == "share" else (1, 1)
    for row in rows.tolist():
        x, y, w, h = (number * scale[i % 2] for i, number in enumerate(row[:4]))
        scores = row[4 + objectness :]
        best = scores.index(max(scores))
        score = scores[best] * (row[4] if objectness else 1)
        yield [x - w / 2, y - h / 2, x + w / 2, y + h / 2], score, best


@pytest.mark.parametrize("layout", ["columns", "rows"])
@pytest.mark.parametrize("objectness", [False, True])
@pytest.mark.parametrize("unit", ["pixels", "share"])
def test_yolos_rows_are_found_as_by_a_plain_loop(layout, objectness, unit):
    rows = yolo_rows(1, objectness=objectness, unit=unit)
    tensor = rows[np.newaxis] if layout == "rows" else np.ascontiguousarray(rows.T[np.newaxis])
    head = Yolo(layout=layout, objectness=objectness, unit=unit, iou=0.5)
    made = card(head, {"rows": tensor.shape}, size=(WIDTH, HEIGHT))
    wanted = expected(yolo_by_rows(rows, objectness=objectness, unit=unit), least=0.25, iou=0.5)
    check(make_decoder(made)([tensor], None, ORIGIN), wanted)


def test_logits_are_scores_behind_a_sigmoid():
    rows = yolo_rows(2, objectness=True, unit="pixels")
    logits = rows.copy()
    logits[:, 4:] = np.log(rows[:, 4:] / (1 - rows[:, 4:]))
    tensor = logits[np.newaxis]
    made = card(Yolo(layout="rows", objectness=True, apply="sigmoid"), {"rows": tensor.shape}, size=(WIDTH, HEIGHT))
    wanted = expected(yolo_by_rows(rows, objectness=True, unit="pixels"), least=0.25, iou=0.45)
    check(make_decoder(made)([tensor], None, ORIGIN), wanted)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    objectness=st.booleans(),
    layout=st.sampled_from(["columns", "rows"]),
    least=st.sampled_from([0.1, 0.25, 0.5, 0.9]),
)
def test_integers_are_decoded_as_their_real_numbers_are(seed, objectness, layout, least):
    """To the bit: the same rows stay, and what is dequantized afterwards is what was dequantized before."""
    rows = yolo_rows(seed, objectness=objectness, unit="share", count=300)
    tensor = rows[np.newaxis] if layout == "rows" else np.ascontiguousarray(rows.T[np.newaxis])
    head = Yolo(layout=layout, objectness=objectness, unit="share", min_score=least)
    shapes = {"rows": tensor.shape}
    integer = card(head, shapes, size=(WIDTH, HEIGHT), quants={"rows": share_quant()})
    quantized = stored(integer, [tensor])
    real = [dequantize(quantized[0], integer.outputs[0].tensor)]
    by_integers = make_decoder(integer)(quantized, None, ORIGIN)
    by_floats = make_decoder(card(head, shapes, size=(WIDTH, HEIGHT)))(real, None, ORIGIN)
    np.testing.assert_array_equal(by_integers.xyxy, by_floats.xyxy)
    np.testing.assert_array_equal(by_integers.score, by_floats.score)
    np.testing.assert_array_equal(by_integers.class_id, by_floats.class_id)


def test_yoloxs_rows_are_told_relative_to_their_cells():
    rng = np.random.default_rng(3)
    cells = [(x, y, s) for s in (8, 16, 32) for y in range(HEIGHT // s) for x in range(WIDTH // s)]
    rows = np.zeros((len(cells), 5 + CLASSES), np.float32)
    rows[:, :2] = rng.uniform(-0.5, 1.5, (len(cells), 2))
    rows[:, 2:4] = rng.uniform(0, 1.5, (len(cells), 2))
    rows[:, 4:] = rng.uniform(0, 1, (len(cells), 1 + CLASSES))
    found = []
    for (x, y, s), row in zip(cells, rows.tolist(), strict=True):
        cx, cy, w, h = (x + row[0]) * s, (y + row[1]) * s, math.exp(row[2]) * s, math.exp(row[3]) * s
        best = row[5:].index(max(row[5:]))
        found.append(([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], row[4] * row[5 + best], best))
    made = card(Yolox(iou=0.3, min_score=0.5), {"rows": (1, *rows.shape)}, size=(WIDTH, HEIGHT))
    check(make_decoder(made, Limits(boxes=5000))([rows[np.newaxis]], None, ORIGIN), expected(found, least=0.5, iou=0.3))


LEVELS = (
    AnchorLevel(rows=8, columns=10, shapes=((0.1, 0.2), (0.2, 0.1), (0.15, 0.15))),
    AnchorLevel(rows=4, columns=5, shapes=((0.4, 0.5),), offset=0.0),
)


def anchors():
    for level in LEVELS:
        for row in range(level.rows):
            for column in range(level.columns):
                for width, height in level.shapes:
                    yield (column + level.offset) / level.columns, (row + level.offset) / level.rows, width, height


@pytest.mark.parametrize("order", ["yxhw", "xywh"])
@pytest.mark.parametrize(("apply", "background"), [("sigmoid", True), ("softmax", True), ("sigmoid", False)])
def test_boxes_told_relative_to_anchors(order, apply, background):
    every = list(anchors())
    rng = np.random.default_rng(4)
    told = rng.normal(0, 1, (len(every), 4)).astype(np.float32)
    logits = rng.normal(-4, 3, (len(every), CLASSES + background)).astype(np.float32)
    found = []
    for (ax, ay, aw, ah), numbers, row in zip(every, told.tolist(), logits.tolist(), strict=True):
        tx, ty, tw, th = numbers if order == "xywh" else (numbers[1], numbers[0], numbers[3], numbers[2])
        x, y = (tx * 0.1 * aw + ax) * WIDTH, (ty * 0.1 * ah + ay) * HEIGHT
        w, h = math.exp(tw * 0.2) * aw * WIDTH, math.exp(th * 0.2) * ah * HEIGHT
        shares = [math.exp(one) for one in row]
        scores = [sigmoid(one) for one in row] if apply == "sigmoid" else [one / sum(shares) for one in shares]
        scores = scores[background:]
        best = scores.index(max(scores))
        found.append(([x - w / 2, y - h / 2, x + w / 2, y + h / 2], scores[best], best))
    head = Ssd(levels=LEVELS, order=order, apply=apply, background=background)
    # Whichever output comes first.
    made = card(head, {"scores": (1, *logits.shape), "boxes": (1, *told.shape)}, size=(WIDTH, HEIGHT))
    result = make_decoder(made)([logits[np.newaxis], told[np.newaxis]], None, ORIGIN)
    check(result, expected(found, least=0.25, iou=0.45))


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_centres_are_peaks_of_heat_maps(layout):
    rng = np.random.default_rng(5)
    rows, columns = 32, 40
    heat = rng.normal(-3, 2, (rows, columns, CLASSES)).astype(np.float32)
    sizes, offsets = rng.uniform(1, 6, (rows, columns, 2)), rng.uniform(0, 1, (rows, columns, 2))
    found = []
    for y in range(rows):
        for x in range(columns):
            for c in range(CLASSES):
                if heat[y, x, c] == heat[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2, c].max():
                    cx, cy = (x + offsets[y, x, 0]) * WIDTH / columns, (y + offsets[y, x, 1]) * HEIGHT / rows
                    w, h = sizes[y, x, 0] * WIDTH / columns, sizes[y, x, 1] * HEIGHT / rows
                    found.append(([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], sigmoid(heat[y, x, c]), c))
    tensors = [np.asarray(one, np.float32) for one in (heat, sizes, offsets)]
    if layout == "nchw":
        tensors = [np.ascontiguousarray(one.transpose(2, 0, 1)) for one in tensors]
    shapes = dict(zip(("heat", "sizes", "offsets"), [(1, *one.shape) for one in tensors], strict=True))
    made = card(Centernet(layout=layout), shapes, size=(WIDTH, HEIGHT))
    result = make_decoder(made, Limits(boxes=5000))([one[np.newaxis] for one in tensors], None, ORIGIN)
    check(result, expected(found, least=0.25, iou=1.0))


def test_finished_boxes_are_only_sorted_and_thinned():
    rows = np.array([[10, 20, 30, 40, 0.3, 2], [10, 20, 30, 41, 0.9, 2], [0, 0, 5, 5, 0.2, 1]], np.float32)
    found = make_decoder(card(YoloEndToEnd(), {"rows": (1, 3, 6)}))([rows[np.newaxis]], None, ORIGIN)
    assert found.xyxy.tolist() == [[10, 20, 30, 41], [10, 20, 30, 40]]
    assert found.class_id.tolist() == [2, 2]


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf, 3e38])
def test_numbers_that_are_none_are_no_boxes(broken):
    rows = yolo_rows(6, objectness=False, unit="pixels", count=50)
    rows[:10, :4] = broken
    rows[10:20, 4] = broken
    made = card(Yolo(layout="rows", min_score=0.0), {"rows": (1, *rows.shape)}, size=(WIDTH, HEIGHT))
    found = make_decoder(made)([rows[np.newaxis]], None, ORIGIN)
    assert np.isfinite(found.xyxy).all()
    assert not np.isnan(found.score).any()


def test_what_the_user_asks_for_goes_before_the_head():
    rows = yolo_rows(7, objectness=False, unit="pixels")
    made = card(Yolo(layout="rows"), {"rows": (1, *rows.shape)}, size=(WIDTH, HEIGHT))

    def found(**limits):
        return make_decoder(made, Limits(**limits))([rows[np.newaxis]], None, ORIGIN)

    assert found(min_score=0.9).score.min() >= 0.9
    assert len(found(iou=1.0)) > 3 * len(found())
    np.testing.assert_array_equal(found(boxes=3).xyxy, found().xyxy[:3])


@pytest.mark.parametrize(
    ("head", "shapes", "message"),
    [
        (Yolo(), {"a": (1, 4, 100)}, "scores of classes"),
        (Yolo(), {"a": (1, 84, 100), "b": (1, 4)}, "has one output of 3 axes"),
        (Yolo(masks=32), {"a": (1, 84, 100)}, "prototypes of masks"),
        (Yolox(), {"a": (1, 100, 85)}, "has 1680 boxes for strides"),
        (YoloEndToEnd(), {"a": (1, 300, 7)}, "1 × boxes × 6"),
        (Ssd(levels=LEVELS), {"a": (1, 99, 4), "b": (1, 99, 3)}, "1 × 260 × 4 and 1 × 260 × classes"),
        (Centernet(), {"a": (1, 8, 8, 3), "b": (1, 8, 8, 2), "c": (1, 8, 8, 1)}, "of 2 channels"),
    ],
)
def test_outputs_that_a_head_does_not_have_are_refused(head, shapes, message):
    with pytest.raises(BundleError, match=message):
        make_decoder(card(head, shapes, size=(WIDTH, HEIGHT)))


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (Yolo, {"min_score": 2}, "min_score lies in 0..1"),
        (Yolo, {"iou": -1}, "iou lies in 0..1"),
        (Yolo, {"masks": 99_999}, "masks and keypoints"),
        (Yolox, {"strides": ()}, "strides are"),
        (AnchorLevel, {"rows": 0, "columns": 1, "shapes": ((1, 1),)}, "no grid"),
        (AnchorLevel, {"rows": 1, "columns": 1, "shapes": ()}, "boxes of positive shares"),
        (Ssd, {"levels": ()}, "levels of anchors"),
        (Ssd, {"levels": LEVELS, "variances": (0, 1)}, "variances are positive"),
    ],
)
def test_heads_that_no_model_has_are_refused(kind, values, message):
    with pytest.raises(ValueError, match=message):
        kind(**values)


def test_an_8_bit_score_between_two_steps_is_compared_with_the_step_above():
    """Half of the scale's steps lie below the least score: none of them may stay, and none above be lost."""
    quant = Quant(0.1, 0)
    rows = np.zeros((1, 20, 5), np.float32)
    rows[0, :, :4] = [[10 * i, 10, 5, 5] for i in range(20)]
    rows[0, :, 4] = np.arange(20) / 10  # 12.7 and less can be stored
    made = card(Yolo(layout="rows", min_score=0.55, iou=1.0), {"rows": rows.shape}, quants={"rows": quant})
    found = make_decoder(made)(stored(made, [rows]), None, ORIGIN)
    assert found.score.min() == pytest.approx(0.6)
    assert len(found) == int((stored(made, [rows])[0][0, :, 4] >= 6).sum()) > 5
