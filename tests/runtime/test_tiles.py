"""Tiles: they cover the picture, and a thing in several of them is told once."""

from itertools import pairwise

import numpy as np
import pytest
from bright_things import BrightThings, picture
from detectors import ORIGIN
from hypothesis import given
from hypothesis import strategies as st

from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.results import Classes
from lepton_edge_runtime.tiles import Tiled, _spans, merged


@given(length=st.integers(50, 5000), count=st.integers(1, 8), overlap=st.floats(0, 0.8))
def test_tiles_cover_a_picture_to_its_edges_without_gaps(length, count, overlap):
    spans = _spans(length, count, overlap)
    assert len(spans) == count
    assert spans[0][0] == 0
    assert abs(spans[-1][1] - length) <= 1
    for (_, end), (begin, _) in pairwise(spans):
        assert begin <= end


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("grid", [(1, 1), (2, 2), (3, 2), (4, 4)])
def test_a_thing_on_the_border_of_tiles_is_told_once_and_whole(whole, grid):
    boxes = [[10, 10, 30, 40], [300, 200, 340, 260], [100, 230, 160, 250], [600, 440, 640, 480], [200, 0, 230, 20]]
    found = Tiled(BrightThings(), *grid, whole=whole)(picture(boxes))
    assert sorted(found.xyxy.tolist()) == sorted(boxes)


def test_a_thing_larger_than_a_tile_is_found_in_the_whole_picture():
    boxes = [[20, 20, 600, 460]]
    assert Tiled(BrightThings(), 2, 2)(picture(boxes)).xyxy.tolist() == boxes


def test_without_the_whole_its_parts_become_one():
    boxes = [[20, 100, 600, 140]]
    assert Tiled(BrightThings(), 3, 1, whole=False)(picture(boxes)).xyxy.tolist() == boxes


def test_two_things_beside_each_other_stay_two():
    boxes = [[100, 100, 160, 160], [162, 100, 220, 160], [300, 190, 318, 290], [322, 190, 340, 290]]
    found = Tiled(BrightThings(), 2, 2)(picture(boxes))
    assert sorted(found.xyxy.tolist()) == sorted(boxes)


def test_other_classes_are_left_alone():
    xyxy = np.array([[0, 0, 10, 10], [0, 0, 10, 10]], np.float32)
    boxes, _, class_id = merged(xyxy, np.array([0.5, 0.6], np.float32), np.array([0, 1]), np.array([True, True]), 0.45)
    assert class_id.tolist() == [1, 0]
    assert len(boxes) == 2


def test_a_part_does_not_stand_for_the_whole_though_it_is_surer():
    xyxy = np.array([[0, 0, 100, 100], [0, 0, 100, 60]], np.float32)
    boxes, score, _ = merged(xyxy, np.array([0.5, 0.9], np.float32), np.array([0, 0]), np.array([False, True]), 0.45)
    assert boxes.tolist() == [[0, 0, 100, 100]]
    assert score.tolist() == [0.5]


def test_the_model_is_shown_the_tiles_and_the_whole():
    model = BrightThings()
    Tiled(model, 2, 2, overlap=0)(picture([]))
    assert [one.shape for one in model.shown] == [(240, 320, 3)] * 4 + [(480, 640, 3)]


def test_what_cannot_be_tiled_is_refused():
    with pytest.raises(ValueError, match="tiles are 1 or more"):
        Tiled(BrightThings(), 0, 2)
    with pytest.raises(ValueError, match="overlap lies in"):
        Tiled(BrightThings(), 2, 2, overlap=1)

    def classify(_):
        return Classes(np.array([0]), np.array([1.0]), ("a",), ORIGIN)

    with pytest.raises(InputError, match="tiles are for detectors, and this model answers Classes"):
        Tiled(classify, 2, 2)(picture([]))
