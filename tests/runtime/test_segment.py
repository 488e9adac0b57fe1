"""Masks: which cells lie in the picture, and which pixels a thing covers."""

import numpy as np
import pytest
from detectors import ORIGIN, card, share_quant, stored

from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.heads import Semantic, Yolo
from lepton_edge_runtime.plan import Placement
from lepton_edge_runtime.results.mask import UNSEEN
from lepton_edge_runtime.tasks import make_decoder
from lepton_edge_runtime.tasks.segment import best_class

WIDTH, HEIGHT = 64, 48
STRETCHED = Placement(0.5, 0.5, 0, 0, 128, 96)


def scores(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def semantic(tensor, head, **more):
    return card(head, {"scores": tensor.shape}, size=(WIDTH, HEIGHT), task="segment", **more)


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize("integers", [False, True])
def test_each_cell_has_the_class_of_the_greatest_score(layout, integers):
    cells = scores(1, 12, 16, 7)
    tensor = cells[np.newaxis] if layout == "nhwc" else np.ascontiguousarray(cells.transpose(2, 0, 1))[np.newaxis]
    made = semantic(tensor, Semantic(layout=layout), quants={"scores": share_quant()} if integers else None)
    kept = stored(made, [tensor])
    mask = make_decoder(made)(kept, STRETCHED, ORIGIN)
    axis = -1 if layout == "nhwc" else 0
    np.testing.assert_array_equal(mask.class_id, kept[0][0].argmax(axis=axis))
    assert mask.box == (0, 0, 128, 96)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("count", [2, 3, 21, 32, 256, 300])
@pytest.mark.parametrize("axis", [0, 2])
def test_the_best_class_is_numpys(dtype, count, axis):
    rng = np.random.default_rng(count)
    low, high = (np.iinfo(dtype).min, np.iinfo(dtype).max) if np.dtype(dtype).kind in "iu" else (-5, 5)
    cells = rng.integers(low, high, (5, 7, count), endpoint=True).astype(dtype)
    cells[0], cells[1] = cells.min(), cells.max()  # all are equal
    cells = np.ascontiguousarray(np.moveaxis(cells, 2, axis))
    np.testing.assert_array_equal(best_class(cells, axis), cells.argmax(axis=axis))


def test_of_equal_scores_the_lower_class_is_taken():
    tensor = np.zeros((1, 4, 4, 3), np.float32)
    assert (make_decoder(semantic(tensor, Semantic()))([tensor], None, ORIGIN).class_id == 0).all()


def test_a_single_score_is_compared_with_the_threshold():
    tensor = np.linspace(-3, 3, 12, dtype=np.float32).reshape(1, 3, 4, 1)
    made = semantic(tensor, Semantic(apply="sigmoid", threshold=0.7), labels=("road", "car"))
    mask = make_decoder(made)([tensor], None, ORIGIN)
    np.testing.assert_array_equal(mask.class_id, 1 / (1 + np.exp(-tensor[0, ..., 0])) >= 0.7)
    assert str(mask).startswith("road 0.6")


def test_classes_may_be_told_themselves():
    tensor = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    mask = make_decoder(semantic(tensor, Semantic()))([tensor], None, ORIGIN)
    assert mask.class_id.tolist() == tensor[0].tolist()


@pytest.mark.parametrize(
    ("placement", "cells", "box"),
    [
        (STRETCHED, (12, 16), (0, 0, 128, 96)),
        # 128 × 48 in the middle of 64 × 48: bars of 12 pixels, 3 cells, above and below.
        (Placement(0.5, 0.5, 0, 12, 128, 48), (6, 16), (0, 0, 128, 48)),
        # The middle of 200 × 48: pixels 68 to 132 are seen.
        (Placement(1, 1, -68, 0, 200, 48), (12, 16), (68, 0, 132, 48)),
    ],
)
def test_bars_are_no_part_of_the_picture_and_what_was_cut_off_is_unseen(placement, cells, box):
    tensor = scores(2, 1, 12, 16, 3)
    mask = make_decoder(semantic(tensor, Semantic()))([tensor], placement, ORIGIN)
    assert mask.class_id.shape == cells
    assert mask.box == box
    pixels = mask.at_picture()
    assert pixels.shape == (placement.height, placement.width)
    seen = pixels[:, int(box[0]) : int(box[2])]
    assert (seen != UNSEEN).all()
    assert (pixels == UNSEEN).sum() == pixels.size - seen.size
    assert pixels[0, int(box[0])] == mask.class_id[0, 0]
    assert pixels[-1, int(box[2]) - 1] == mask.class_id[-1, -1]


def test_a_mask_becomes_json_from_which_it_can_be_made_again():
    tensor = scores(3, 1, 12, 16, 3)
    mask = make_decoder(semantic(tensor, Semantic(), labels=("a", "b", "c")))([tensor], STRETCHED, ORIGIN)
    told = mask.to_dict()["mask"]
    cells = np.concatenate([np.full(length, class_id) for class_id, length in told["runs"]])
    np.testing.assert_array_equal(cells.reshape(told["rows"], told["columns"]), mask.class_id)
    assert sum(one["share"] for one in told["classes"]) == pytest.approx(1, abs=1e-5)
    drawn = mask.draw(np.zeros((96, 128, 3), np.uint8))
    np.testing.assert_array_equal((drawn > 0).any(axis=2), mask.at_picture() > 0)


def yolo_with_masks(*, last):
    """Return outputs of two things: one covers the left half of the prototypes, one the lower half."""
    prototypes = np.zeros((2, 12, 16), np.float32)
    prototypes[0] = np.where(np.arange(16) < 8, 1, -1)
    prototypes[1] = np.where(np.arange(12) >= 6, 1, -1)[:, np.newaxis]
    rows = np.zeros((100, 4 + 3 + 2), np.float32)
    rows[0] = [32, 24, 48, 40, 0.9, 0, 0, 5, 0]
    rows[1] = [32, 24, 40, 40, 0, 0.8, 0, 0, 5]
    tensors = {"rows": rows.T[np.newaxis], "prototypes": prototypes[np.newaxis]}
    if last:
        tensors["prototypes"] = prototypes.transpose(1, 2, 0)[np.newaxis]
    return {name: np.ascontiguousarray(one) for name, one in tensors.items()}


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("placement", [None, STRETCHED, Placement(0.5, 0.5, 0, 8, 128, 64)])
def test_a_thing_covers_the_pixels_where_its_prototypes_sum_up_to_more_than_0(last, placement):
    tensors = yolo_with_masks(last=last)
    shapes = {name: one.shape for name, one in tensors.items()}
    made = card(Yolo(masks=2), shapes, size=(WIDTH, HEIGHT), task="segment", labels=("a", "b", "c"))
    found = make_decoder(made)(list(tensors.values()), placement, ORIGIN)
    assert found.detections.labels == ("a", "b")
    scale, above = (1, 0) if placement is None else (2, placement.offset_y * 2)
    for one in found:
        left, top = one.corner
        rows, columns = one.mask.shape
        middle_x = (left + np.arange(columns) + 0.5) / scale
        middle_y = (top + np.arange(rows) + 0.5 + above) / scale
        inside = (middle_x < 32)[np.newaxis] if one.detection.label == "a" else (middle_y > 24)[:, np.newaxis]
        near = (abs(middle_x - 32) < 1)[np.newaxis] if one.detection.label == "a" else (abs(middle_y - 24) < 1)[:, None]
        differ = one.mask != np.broadcast_to(inside, one.mask.shape)
        assert not (differ & ~np.broadcast_to(near, one.mask.shape)).any()
        box = [round(edge) for edge in one.detection.box]
        assert [left, top, left + columns, top + rows] == box
    assert found.to_dict()["instances"][0]["pixels"] == int(found.masks[0].sum())
    size = (48, 64) if placement is None else (placement.height, placement.width)
    assert found.draw(np.zeros((*size, 3), np.uint8)).any()


@pytest.mark.parametrize(
    ("head", "shapes", "message"),
    [
        (None, {"a": (1, 4, 4, 3)}, "needs the head 'semantic'"),
        (Yolo(), {"a": (1, 84, 100)}, "needs the head 'semantic', or 'yolo'"),
        (Semantic(), {"a": (1, 4)}, "has an output of"),
        (Yolo(masks=4), {"a": (1, 84, 100), "b": (1, 12, 16, 5)}, "has 4 coefficients a mask"),
    ],
)
def test_what_is_no_segmenter_is_refused(head, shapes, message):
    with pytest.raises(BundleError, match=message):
        make_decoder(card(head, shapes, task="segment"))


def test_labels_for_another_number_of_classes_are_refused():
    with pytest.raises(BundleError, match="2 labels for 3 classes"):
        make_decoder(card(Semantic(), {"a": (1, 4, 4, 3)}, task="segment", labels=("a", "b")))
