"""The tracker: numbers stay with things, at any frame rate; its filter and its assignment beside plain ones."""

from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import lepton_edge as le
from lepton_edge_runtime.boxes import centred_of
from lepton_edge_runtime.results import Detections, Origin, Timing
from lepton_edge_runtime.tracking import UNTRACKED
from lepton_edge_runtime.tracking.assignment import assign
from lepton_edge_runtime.tracking.likeness import buffered_overlap
from lepton_edge_runtime.tracking.motion import Motion


def found(boxes, score=0.9, class_id=0, frame=None):
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    count = len(boxes)
    classes = np.broadcast_to(class_id, count).astype(np.int64)
    scores = np.broadcast_to(score, count).astype(np.float32)
    origin = Origin("stand-in", Timing(0.0, 0.0), frame)
    return Detections(boxes, scores, classes, tuple(map(str, classes.tolist())), origin)


def person(x, y=100.0, width=40.0, height=100.0):
    return [x, y, x + width, y + height]


def ids_of(tracker, boxes_by_time, **options):
    return [tracker(found(boxes, **options), seconds).track_id.tolist() for seconds, boxes in boxes_by_time]


def test_a_thing_has_a_number_once_it_has_been_seen_again():
    tracker = le.Tracker()
    assert ids_of(tracker, [(0.0, [person(0)]), (0.1, [person(4)]), (0.2, [person(8)])]) == [[UNTRACKED], [1], [1]]
    (track,) = tracker.tracks
    assert (track.track_id, track.label, track.seen, track.first_seconds, track.last_seconds) == (1, "0", 3, 0.0, 0.2)
    assert track.box == pytest.approx(person(8), abs=1.0)


def test_what_is_seen_once_has_none():
    tracker = le.Tracker()
    assert ids_of(tracker, [(0.0, [person(0)]), (0.1, []), (0.2, [person(0)])]) == [[UNTRACKED], [], [UNTRACKED]]
    assert tracker.tracks == ()


@pytest.mark.parametrize("fps", [3, 5, 10, 25, 60])
def test_two_that_cross_keep_their_numbers_at_any_frame_rate(fps):
    tracker = le.Tracker()
    seen = []
    for i in range(4 * fps):
        t = i / fps
        one, other = person(80 * t, y=100), person(320 - 80 * t, y=130)
        seen.append(tracker(found([one, other]), t).track_id.tolist())
    assert seen[1:] == [seen[-1]] * (len(seen) - 1)
    assert sorted(seen[-1]) == [1, 2]


def test_velocity_is_in_pixels_a_second_whatever_the_frame_rate():
    for times in (np.arange(0, 4, 0.04), np.arange(0, 4, 0.2), np.cumsum([0.04, 0.2, 0.1, 0.4] * 6)):
        tracker = le.Tracker()
        for t in times:
            tracker(found([person(30 * t, y=200 - 10 * t)]), float(t))
        assert tracker.tracks[0].velocity == pytest.approx((30, -10), abs=1.5)


def test_dropped_frames_are_time_not_standstill():
    tracker = le.Tracker()
    for i in range(10):
        tracker(found([person(60 * i / 10)]), i / 10)
    after = tracker(found([person(60 * 1.9)]), 1.9)  # a second of frames is missing; it went on for more than its width
    assert after.track_id.tolist() == [1]


def test_a_hidden_thing_has_its_number_again_where_it_comes_out():
    tracker = le.Tracker(lost_seconds=2)
    for i in range(20):
        tracker(found([person(50 * i / 10)]), i / 10)
    for i in range(20, 30):
        tracker(found([]), i / 10)
        assert [track.track_id for track in tracker.tracks] == [1]
    assert tracker(found([person(50 * 3.0)]), 3.0).track_id.tolist() == [1]


def test_a_thing_that_stays_away_ends_and_its_number_is_not_given_again():
    tracker = le.Tracker(lost_seconds=1)
    ids_of(tracker, [(0.0, [person(0)]), (0.1, [person(0)])])
    assert ids_of(tracker, [(1.0, [])]) == [[]]
    assert len(tracker.tracks) == 1
    ids_of(tracker, [(1.2, [])])
    assert tracker.tracks == ()
    assert ids_of(tracker, [(1.3, [person(0)]), (1.4, [person(0)])]) == [[UNTRACKED], [2]]


def test_a_gap_without_frames_ends_tracks_too():
    tracker = le.Tracker(lost_seconds=1)
    ids_of(tracker, [(0.0, [person(0)]), (0.1, [person(0)])])
    assert ids_of(tracker, [(900.0, [person(0)]), (900.1, [person(0)])]) == [[UNTRACKED], [2]]


def test_results_show_the_numbers():
    tracker = le.Tracker()
    ids_of(tracker, [(0.0, [person(0)]), (0.1, [person(0)])])
    both = tracker(found([person(2), person(200)]), 0.2)
    assert [one.track_id for one in both] == [1, None]
    assert str(both) == "#1 0 0.900 [2 100 42 200]  0 0.900 [200 100 240 200]"
    assert [one.get("track_id") for one in both.to_dict()["detections"]] == [1, None]
    assert both.texts() == ["#1 0 90%", "0 90%"]


def test_some_of_what_was_found_can_be_taken_out():
    tracker = le.Tracker()
    ids_of(tracker, [(0.0, [person(0)]), (0.1, [person(0)])])
    both = tracker(found([person(200), person(2)], class_id=[0, 0]), 0.2)
    assert str(both[both.track_id > 0]) == "#1 0 0.900 [2 100 42 200]"
    assert [len(both[part]) for part in (slice(1), np.array([1, 0]), np.array([False, False]))] == [1, 2, 0]


def test_an_unsure_box_goes_on_with_a_track_and_begins_none():
    tracker = le.Tracker(high=0.5, low=0.1)
    ids_of(tracker, [(0.0, [person(0)]), (0.1, [person(2)])])
    assert ids_of(tracker, [(0.2, [person(4), person(300)]), (0.3, [person(6), person(300)])], score=0.2) == [
        [1, UNTRACKED],
        [1, UNTRACKED],
    ]
    assert ids_of(tracker, [(0.4, [person(8)])], score=0.05) == [[UNTRACKED]]


def test_a_sure_box_is_matched_before_an_unsure_one():
    tracker = le.Tracker()
    ids_of(tracker, [(0.0, [person(0)]), (0.1, [person(0)])])
    both = tracker(found([person(6), person(0)], score=[0.9, 0.3]), 0.2)
    assert both.track_id.tolist() == [1, UNTRACKED]


def test_classes_are_told_apart_unless_any_will_do():
    for any_class, expected in ((False, [UNTRACKED]), (True, [1])):
        tracker = le.Tracker(any_class=any_class)
        ids_of(tracker, [(0.0, [person(0)]), (0.1, [person(0)])], class_id=2)
        assert ids_of(tracker, [(0.2, [person(0)])], class_id=7) == [expected]


def test_time_that_goes_back_is_another_recording():
    tracker = le.Tracker()
    ids_of(tracker, [(5.0, [person(0)]), (5.1, [person(0)])])
    assert ids_of(tracker, [(0.0, [person(0)]), (0.1, [person(0)])]) == [[UNTRACKED], [2]]


def test_times_that_jitter_are_no_other_recording():
    tracker = le.Tracker()
    told = ids_of(tracker, [(5.0, [person(0)]), (5.2, [person(2)]), (5.19, [person(3)]), (5.3, [person(4)])])
    assert told == [[UNTRACKED], [1], [1], [1]]
    assert tracker.seconds == 5.3


def test_the_same_time_twice_moves_nothing():
    tracker = le.Tracker()
    assert ids_of(tracker, [(0.0, [person(0)]), (0.0, [person(0)]), (0.0, [person(0)])]) == [[UNTRACKED], [1], [1]]


def test_the_frame_says_when():
    tracker = le.Tracker()
    for index, position in enumerate((0.0, 0.1)):
        last = tracker(found([person(0)], frame=SimpleNamespace(position_seconds=position, index=index, name="")))
    assert last.track_id.tolist() == [1]
    assert tracker.tracks[0].last_seconds == 0.1
    pictures = le.Tracker()
    for index in range(3):
        pictures(found([person(0)], frame=SimpleNamespace(position_seconds=0.0, index=index, name="a.png")))
    assert pictures.tracks[0].last_seconds == pictures.seconds == 2
    with pytest.raises(ValueError, match="say when the picture was taken"):
        tracker(found([person(0)]))


def test_boxes_that_are_none_are_passed_over():
    tracker = le.Tracker()
    odd = [[0, 0, 1e-22, 1e-22], [10, 10, 5, 20], [np.nan, 0, 1, 1], [0, 0, np.inf, 1], person(0)]
    assert ids_of(tracker, [(0.0, odd), (0.1, odd)]) == [[UNTRACKED] * 5, [UNTRACKED] * 4 + [1]]


_EDGES = st.sampled_from([0, 1, 5, 40, 44, 100, 3000, -50, 1e5, 1e30, np.inf, -np.inf, np.nan])
_FRAMES = st.lists(
    st.tuples(
        st.floats(-1, 5, allow_nan=False),
        st.lists(
            st.tuples(_EDGES, _EDGES, _EDGES, _EDGES, st.sampled_from([0, 0.2, 0.6, 1, np.nan]), st.integers(0, 2)),
            max_size=6,
        ),
    ),
    max_size=12,
)


@given(_FRAMES, st.booleans())
def test_whatever_comes_a_number_is_in_a_frame_once_and_never_again_in_another_track(frames, any_class):
    tracker = le.Tracker(any_class=any_class)
    seconds, ended, alive = 0.0, set(), set()
    for step, rows in frames:
        seconds += step
        columns = np.array(rows, np.float32).reshape(-1, 6)
        told = tracker(found(columns[:, :4], columns[:, 4], columns[:, 5].astype(np.int64)), seconds)
        numbers = [one for one in told.track_id.tolist() if one != UNTRACKED]
        assert len(set(numbers)) == len(numbers)
        now = {track.track_id for track in tracker.tracks}
        assert set(numbers) <= now
        ended |= alive - now
        assert not now & ended
        alive = now
        assert all(np.isfinite(track.box).all() for track in tracker.tracks)


def test_a_time_that_is_none_is_refused():
    with pytest.raises(ValueError, match="not at nan"):
        le.Tracker()(found([]), float("nan"))


def test_trackers_do_not_hear_of_each_other():
    one, other = le.Tracker(), le.Tracker()
    ids_of(one, [(0.0, [person(0)]), (0.1, [person(0)])])
    assert ids_of(other, [(0.0, [person(0)]), (0.1, [person(0)])]) == [[UNTRACKED], [1]]


@pytest.mark.parametrize(
    "options",
    [{"low": 0.6}, {"high": 1.1}, {"start": 0.2}, {"least_overlap": 0.0}, {"lost_seconds": 0}, {"frames": 0}],
)
def test_numbers_that_follow_nothing_are_refused(options):
    with pytest.raises(ValueError, match="not "):
        le.Tracker(**options)


def test_the_filter_is_the_textbook_one():
    """The matrices of constant velocity, in float64, one axis after the other."""
    rng = np.random.default_rng(0)
    first = np.array([[100.0, 80.0, 40.0, 90.0]], np.float32)
    motion = Motion()
    motion.add(first)
    scale = first[0, 2] * first[0, 3]
    spread, noise, rate = np.square([[0.05, 0.05, 0.08, 0.08], [0.8, 0.8, 0.2, 0.2], [1.5, 1.5, 0.3, 0.3]])
    mean = [np.array([value, 0.0]) for value in first[0]]
    covariance = [np.diag([spread[i] * scale, rate[i] * scale]) for i in range(4)]
    seen = np.array([1.0, 0.0])
    for dt in (0.04, 0.2, 0.1, 0.5, 0.04):
        size = mean[2][0] * mean[3][0]
        step = np.array([[1, dt], [0, 1]])
        for i in range(4):
            drift = noise[i] * size * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
            mean[i], covariance[i] = step @ mean[i], step @ covariance[i] @ step.T + drift
        motion.predict(dt)
        box = np.array([[one[0] for one in mean]]) + rng.normal(0, 3, (1, 4))
        for i in range(4):
            total = covariance[i][0, 0] + spread[i] * box[0, 2] * box[0, 3]
            gain = covariance[i] @ seen / total
            mean[i] = mean[i] + gain * (box[0, i] - mean[i][0])
            covariance[i] = covariance[i] - np.outer(gain, gain) * total
        motion.correct(np.array([0]), box.astype(np.float32))
        np.testing.assert_allclose(motion.centred[0], [one[0] for one in mean], rtol=1e-4)
        np.testing.assert_allclose(motion.velocity[0], [one[1] for one in mean[:2]], rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(motion.doubt[0], [np.sqrt(one[0, 0]) for one in covariance[:2]], rtol=1e-3)


def test_the_buffered_overlap_is_that_of_widened_boxes():
    rng = np.random.default_rng(1)
    expected, seen = (np.concatenate([rng.uniform(0, 100, (n, 2)), rng.uniform(5, 60, (n, 2))], axis=1) for n in (7, 9))
    buffer = rng.uniform(0, 20, (7, 2))
    made = buffered_overlap(expected.astype(np.float32), buffer.astype(np.float32), seen.astype(np.float32))
    for i in range(7):
        for j in range(9):
            boxes = [
                np.r_[one[:2] - one[2:] / 2 - buffer[i], one[:2] + one[2:] / 2 + buffer[i]]
                for one in (expected[i], seen[j])
            ]
            inner = np.clip(
                np.minimum(boxes[0][2:], boxes[1][2:]) - np.maximum(boxes[0][:2], boxes[1][:2]), 0, None
            ).prod()
            whole = sum((one[2:] - one[:2]).prod() for one in boxes) - inner
            assert made[i, j] == pytest.approx(inner / whole, rel=1e-4, abs=1e-6)


def test_centres_and_sizes():
    np.testing.assert_array_equal(centred_of(np.array([[10, 20, 30, 60]], np.float32)), [[20, 40, 20, 40]])


@given(
    st.tuples(st.integers(1, 5), st.integers(1, 5)).flatmap(
        lambda shape: arrays(np.float32, shape, elements=st.sampled_from([0, 0.1, 0.2, 0.3, 0.5, 0.55, 0.7, 0.9, 1.0]))
    )
)
def test_no_other_assignment_has_a_greater_total(likeness):
    rows, columns = assign(likeness, 0.2)
    assert len(set(rows.tolist())) == len(rows) == len(set(columns.tolist())) == len(columns)
    assert (likeness[rows, columns] >= 0.2).all()
    allowed = np.where(likeness >= 0.2, likeness, 0)
    wide = allowed if allowed.shape[0] <= allowed.shape[1] else allowed.T
    best = max(wide[np.arange(len(wide)), list(one)].sum() for one in permutations(range(wide.shape[1]), len(wide)))
    assert likeness[rows, columns].sum() == pytest.approx(best, abs=1e-5)


def test_a_large_crowd_is_assigned_as_by_a_plain_solver():
    rng = np.random.default_rng(2)
    likeness = (rng.random((60, 70)) * (rng.random((60, 70)) < 0.15)).astype(np.float32)
    rows, columns = assign(likeness, 0.1)
    optimize = pytest.importorskip("scipy.optimize", reason="the plain solver is scipy's")
    allowed = np.where(likeness >= 0.1, likeness, 0)
    best = optimize.linear_sum_assignment(allowed, maximize=True)
    assert allowed[rows, columns].sum() == pytest.approx(allowed[best].sum(), rel=1e-6)
