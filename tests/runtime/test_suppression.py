"""Suppression beside OpenCV's, and beside a loop in float64."""

import cv2
import numpy as np
import pytest
from detectors import naive_nms

from lepton_edge_runtime.tasks.boxes.suppression import suppress


def crowd(seed, count, classes=3):
    rng = np.random.default_rng(seed)
    centres = rng.uniform(0, 400, (max(1, count // 8), 2))
    xy = centres[rng.integers(0, len(centres), count)] + rng.normal(0, 6, (count, 2))
    size = rng.uniform(20, 60, (count, 2))
    xyxy = np.concatenate([xy, xy + size], axis=1).astype(np.float32)
    score = np.sort(rng.uniform(0.3, 1, count).astype(np.float32))[::-1]
    return xyxy, score, rng.integers(0, classes, count)


@pytest.mark.parametrize("count", [0, 1, 2, 50, 191, 192, 193, 700])
@pytest.mark.parametrize("iou", [0.0, 0.3, 0.5, 1.0])
def test_the_same_boxes_stay_as_in_a_plain_loop(count, iou):
    xyxy, score, class_id = crowd(count, count)
    kept = suppress(xyxy, class_id, iou, most=10_000)
    assert kept.tolist() == naive_nms(xyxy, score, class_id, iou)


def test_the_same_boxes_stay_as_in_opencv():
    for seed in range(20):
        xyxy, score, class_id = crowd(seed, 160)
        boxes = np.concatenate([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]], axis=1)
        theirs = cv2.dnn.NMSBoxesBatched(boxes.tolist(), score.tolist(), class_id.tolist(), 0.0, 0.45)
        assert suppress(xyxy, class_id, 0.45, most=1000).tolist() == sorted(np.asarray(theirs).ravel().tolist())


def test_no_more_than_asked_for_stay():
    xyxy, _, class_id = crowd(1, 900)
    every = suppress(xyxy, class_id, 0.45, most=10_000)
    assert suppress(xyxy, class_id, 0.45, most=7).tolist() == every[:7].tolist()


def test_boxes_without_an_area_suppress_nothing():
    xyxy = np.zeros((3, 4), np.float32)
    assert suppress(xyxy, np.zeros(3, np.int64), 0.5, most=10).tolist() == [0, 1, 2]
