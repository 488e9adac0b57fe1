import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lepton_edge as le
from benchmarks.crowds import crowd
from benchmarks.detect import WAYS, made_up
from benchmarks.mot import Scored, quality
from benchmarks.workshop import Workshop

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_benchmarks_print_tables_of_ratios():
    command = [sys.executable, "-m", "benchmarks", "overhead", "preprocess", "--seconds", "0.1", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
    tables = [table for found in json.loads(done.stdout).values() for table in found]
    assert [len(found) for found in json.loads(done.stdout).values()] == [2, 3]
    bare, *ours = tables[0]["rows"]
    assert bare[tables[0]["columns"].index("× bare")] == 1
    assert all(row[1] > 0 for row in ours)


def frames_of(numbers):
    """Return frames of two bodies far apart, each found exactly, under the numbers given."""
    boxes = np.array([[0.0, 0, 10, 20], [100, 0, 110, 20]])
    return [Scored(np.array([1, 2]), boxes, np.array(one), boxes[: len(one)]) for one in numbers]


def test_tracks_are_scored_as_their_papers_say():
    right = quality(frames_of([(7, 9)] * 10))
    assert (right.idf1, right.mota, right.switches, right.numbers) == (1, 1, 0, 2)
    # Swapped half way: two switches of 20 bodies; each body is right under one number in 5 of its 10 frames.
    swapped = quality(frames_of([(7, 9)] * 5 + [(9, 7)] * 5))
    assert (swapped.idf1, swapped.mota, swapped.switches) == (0.5, 0.9, 2)
    # One is missed in 4 of 10 frames: 16 boxes for 20 bodies.
    missed = quality(frames_of([(7, 9)] * 6 + [(7,)] * 4))
    assert (missed.idf1, missed.mota, missed.switches) == (2 * 16 / 36, 0.8, 0)


def test_a_crowd_is_the_same_for_a_seed_and_hides_itself():
    one, other = crowd(10, people=12, seconds=3, seed=4), crowd(10, people=12, seconds=3, seed=4)
    assert len(one) == 30
    assert all((a.boxes == b.boxes).all() and (a.numbers == b.numbers).all() for a, b in zip(one, other, strict=True))
    assert len(crowd(10, people=12, seconds=3, dropped=0.5, seed=4)) < 25
    assert all((moment.scores[:-1] >= moment.scores[1:]).all() for moment in one)


def test_all_ways_from_a_detectors_tensor_find_the_same_twenty_things():
    found = {name: way(made_up())() for name, way in WAYS.items()}
    ours = found.pop("ours")
    assert sorted(ours.class_id.tolist()) == list(range(20))
    for boxes in found.values():
        assert sorted(int(class_id) for _, _, class_id in boxes) == list(range(20))
        for (left, top, width, height), score, class_id in boxes:
            i = ours.class_id.tolist().index(class_id)
            np.testing.assert_allclose(ours.xyxy[i], [left, top, left + width, top + height], atol=0.01)
            assert ours.score[i] == pytest.approx(score, abs=1e-5)


@pytest.mark.slow
def test_the_net_of_random_weights_is_like_enough_on_both_engines_for_a_bundle(tmp_path):
    workshop = Workshop(tmp_path)
    bundle = workshop.bundle(workshop.mobilenet_v2)
    assert [check.outcome for check in le.verify(bundle)] == ["passed"] * 3
