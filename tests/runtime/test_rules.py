"""Rules over tracks: what they notice, once, and what they do not."""

from datetime import datetime

import msgspec
import numpy as np
import pytest

from lepton_edge_runtime import rules
from lepton_edge_runtime.rules.geometry import crosses, inside, side
from lepton_edge_runtime.tracking import Track

SIZE = (1000, 500)
YARD = rules.Zone(name="yard", points=((0.4, 0.2), (0.8, 0.2), (0.8, 1.0), (0.4, 1.0)))
GATE = rules.Line(name="gate", points=((0.5, 0.0), (0.5, 1.0)))  # downwards: left of it is the picture's right


def track(x, foot=300.0, *, track_id=1, label="person", seconds=0.0, seen=None, speed=0.0, width=40.0, height=100.0):
    """A thing whose lower edge's middle is at x, foot; ``seen`` is when it was, now if not given."""
    box = (x - width / 2, foot - height, x + width / 2, foot)
    return Track(track_id, 0, label, 0.9, box, (speed, 0.0), 0.0, seconds if seen is None else seen, 9)


def watched(rule, moments, *, now=None):
    """Return what is noticed, as (seconds, state, key), for ``moments``: seconds and tracks as functions of them."""
    watch = rules.Watch([rule], zones=[YARD], lines=[GATE])
    told = []
    for seconds, tracks in moments:
        scene = rules.scene_of(tracks, seconds, SIZE)
        told += [(round(one.seconds, 3), one.state, one.key) for one in watch(scene, now)]
    return told


def times(end, step=0.1):
    return [round(i * step, 3) for i in range(round(end / step) + 1)]


def test_one_who_walks_through_a_zone_enters_once_and_leaves_once():
    rule = rules.Inside(name="in", zone="yard", after_seconds=0.3, hold_seconds=0.5)
    moments = [(t, [track(300 + 100 * t, seconds=t)]) for t in times(7)]
    # In the zone from 400 to 800 pixels: from 1.0 s, surely at 1.3, until 5.0, and surely left half a second after.
    assert watched(rule, moments) == [(1.3, "new", 1), (5.4, "end", 1)]


def test_the_feet_decide_and_not_the_head():
    rule = rules.Inside(name="in", zone="yard", after_seconds=0)
    assert watched(rule, [(0.0, [track(500, foot=90)])]) == []
    assert watched(rule, [(0.0, [track(500, foot=110)])]) == [(0.0, "new", 1)]
    head = msgspec.structs.replace(YARD, anchor="center")
    watch = rules.Watch([rule], zones=[head])
    assert watch(rules.scene_of([track(500, foot=110)], 0.0, SIZE)) == []  # its middle is above the zone


def test_one_who_only_touches_a_zone_is_none_of_its_business():
    rule = rules.Inside(name="in", zone="yard", after_seconds=0.3, hold_seconds=0.1)
    moments = [(t, [track(410 if t in (0.5, 0.6) else 390, seconds=t)]) for t in times(2)]
    assert watched(rule, moments) == []


def test_a_box_that_flickers_at_the_edge_makes_one_event():
    rule = rules.Inside(name="in", zone="yard", after_seconds=0.3, hold_seconds=1)
    moments = [(t, [track(395 + 10 * (round(10 * t) % 2), seconds=t)]) for t in times(5)]
    told = watched(rule, moments)
    assert [state for _, state, _ in told] == ["new"]


def test_one_who_is_hidden_in_a_zone_has_not_left_it_and_enters_none():
    rule = rules.Inside(name="in", zone="yard", after_seconds=0, hold_seconds=0.2)
    stays = [(t, [track(500, seconds=t, seen=min(t, 1.0))]) for t in times(3)]
    assert watched(rule, stays) == [(0.0, "new", 1)]
    drifts = [(t, [track(300 + 100 * t, seconds=t, seen=min(t, 0.5))]) for t in times(3)]
    assert watched(rule, drifts) == []


def test_a_track_that_ends_leaves():
    rule = rules.Inside(name="in", zone="yard", after_seconds=0, hold_seconds=0.2)
    moments = [(t, [track(500, seconds=t)] if t < 1 else []) for t in times(2)]
    assert watched(rule, moments) == [(0.0, "new", 1), (1.1, "end", 1)]


def test_loitering_is_being_inside_for_long_and_is_told_again():
    rule = rules.Inside(name="loiter", zone="yard", after_seconds=3, update_seconds=2)
    moments = [(t, [track(500, seconds=t)]) for t in times(8)]
    assert watched(rule, moments) == [(3.0, "new", 1), (5.0, "update", 1), (7.0, "update", 1)]


@pytest.mark.parametrize(("direction", "expected"), [("both", 1), ("left", 1), ("right", 0)])
def test_a_line_is_crossed_in_a_direction(direction, expected):
    rule = rules.Crossing(name="x", line="gate", direction=direction)
    moments = [(t, [track(400 + 100 * t, seconds=t)]) for t in times(2)]
    # To the picture's right: to the left hand of whoever goes down the line.
    assert [state for _, state, _ in watched(rule, moments)] == ["new", "end"] * expected
    back = [(t, [track(600 - 100 * t, seconds=t)]) for t in times(2)]
    assert len(watched(rule, back)) == (2 if direction != "left" else 0)


def test_one_who_stands_on_a_line_does_not_cross_it():
    rule = rules.Crossing(name="x", line="gate", margin=0.05)
    moments = [(t, [track(500 + 4 * (-1) ** round(10 * t), seconds=t)]) for t in times(3)]
    assert watched(rule, moments) == []
    paces = [(t, [track(500 + 30 * (-1) ** round(t), seconds=t)]) for t in times(3)]
    assert [state for _, state, _ in watched(rule, paces)] == ["new", "end"] * 3


def test_a_line_is_crossed_between_its_ends_only():
    rule = rules.Crossing(name="x", line="short")
    short = rules.Line(name="short", points=((0.5, 0.0), (0.5, 0.4)))
    watch = rules.Watch([rule], lines=[short])
    below = [watch(rules.scene_of([track(400 + 100 * t, foot=300, seconds=t)], t, SIZE)) for t in times(2)]
    assert not any(below)
    above = [watch(rules.scene_of([track(400 + 100 * t, foot=150, track_id=2, seconds=t)], t, SIZE)) for t in times(2)]
    assert sum(map(len, above)) == 2


def test_a_crossing_between_two_far_frames_is_one():
    rule = rules.Crossing(name="x", line="gate")
    told = watched(rule, [(0.0, [track(300)]), (3.0, [track(700, seconds=3.0)])])
    assert told == [(3.0, "new", 1), (3.0, "end", 1)]


def test_a_crowd_is_one_event_about_all_who_are_in_it():
    rule = rules.Crowd(name="crowd", zone="yard", count=3, after_seconds=1, hold_seconds=1)
    watch = rules.Watch([rule], zones=[YARD])
    told = []
    for t in times(6):
        count = 3 if 1 <= t < 4 else 2
        told += watch(rules.scene_of([track(450 + 50 * i, track_id=i + 1, seconds=t) for i in range(count)], t, SIZE))
    assert [(one.seconds, one.state, one.tracks, one.since_seconds) for one in told] == [
        (2.0, "new", (1, 2, 3), 1.0), (4.9, "end", (1, 2, 3), 1.0),
    ]  # fmt: skip


def test_running_is_speed_for_ones_size():
    rule = rules.Running(name="run", speed=1.5, after_seconds=0.5, hold_seconds=0.3)
    fast = [(t, [track(100, seconds=t, speed=200)]) for t in times(1)]
    assert watched(rule, fast) == [(0.5, "new", 1)]
    near = [(t, [track(100, seconds=t, speed=200, height=250, width=100)]) for t in times(1)]
    assert watched(rule, near) == []


def bag(x, t, **options):
    return track(x, track_id=7, label="backpack", seconds=t, width=40, height=40, **options)


def test_a_bag_is_left_once_its_owner_is_away_for_long():
    rule = rules.Left(name="left", classes=("backpack",), alone_seconds=2, near=1, hold_seconds=0.5)
    moments = [(t, [bag(300, t), track(300 if t < 3 else 300 + 150 * (t - 3), seconds=t)]) for t in times(8)]
    told = watched(rule, moments)
    # The owner's box is 100 high, and within as many pixels of the bag's until 3.9 s.
    assert told == [(5.9, "new", 7)]
    back = [(t, [bag(300, t), track(300 if not 3 < t < 7 else 700, seconds=t)]) for t in times(9)]
    assert [(state, key) for _, state, key in watched(rule, back)] == [("new", 7), ("end", 7)]


def test_a_bag_that_is_carried_is_not_left():
    rule = rules.Left(name="left", classes=("backpack",), alone_seconds=2)
    assert watched(rule, [(t, [bag(300 + 100 * t, t)]) for t in times(6)]) == []


def test_what_stood_long_and_is_gone_was_removed_and_ends_when_it_is_back():
    rule = rules.Removed(name="gone", classes=("backpack",), settled_seconds=3, after_seconds=2, hold_seconds=0.5)
    # The track goes on for two seconds, unseen, and ends; what is put back later has another number.
    moments = [(t, [bag(300, t)] if t < 5 else [bag(300, t, seen=4.9)] if t < 7 else []) for t in times(9)]
    returned = [(t, [track(302, track_id=9, label="backpack", seconds=t, width=40, height=40)]) for t in times(12)[91:]]
    assert watched(rule, moments + returned) == [(7.0, "new", 7), (9.5, "end", 7)]


def test_what_never_settled_or_is_only_hidden_was_not_removed():
    rule = rules.Removed(name="gone", classes=("backpack",), settled_seconds=3, after_seconds=2)
    assert watched(rule, [(t, [bag(300, t)] if t < 2 else []) for t in times(9)]) == []
    hidden = [(t, [bag(300, t)] if not 5 <= t < 6.5 else [bag(300, t, seen=4.9)]) for t in times(9)]
    assert watched(rule, hidden) == []


def person_lying_from(fall, t):
    lies = t >= fall
    return track(300, seconds=t, width=100 if lies else 40, height=40 if lies else 100)


def test_one_who_stood_and_lies_has_fallen():
    rule = rules.Fall(name="fall", after_seconds=1, hold_seconds=0.5)
    assert watched(rule, [(t, [person_lying_from(2, t)]) for t in times(4)]) == [(3.0, "new", 1)]


def test_one_who_always_lay_has_not_fallen():
    rule = rules.Fall(name="fall", after_seconds=1)
    assert watched(rule, [(t, [person_lying_from(0, t)]) for t in times(4)]) == []


def test_a_rule_is_about_its_classes():
    rule = rules.Inside(name="in", zone="yard", classes=("car",), after_seconds=0)
    told = watched(rule, [(0.0, [track(500), track(500, track_id=2, label="car")])])
    assert told == [(0.0, "new", 2)]


@pytest.mark.parametrize(
    ("now", "holds"),
    [
        (datetime(2026, 11, 27, 21, 59), False),  # noqa: DTZ001 - local time
        (datetime(2026, 11, 27, 22, 0), True),  # noqa: DTZ001
        (datetime(2026, 11, 28, 5, 59), True),  # noqa: DTZ001 - the morning after a friday
        (datetime(2026, 11, 28, 6, 0), False),  # noqa: DTZ001
        (datetime(2026, 11, 28, 23, 0), False),  # noqa: DTZ001 - a saturday
    ],
)
def test_hours_go_past_midnight_into_the_next_day(now, holds):
    nights = msgspec.convert({"days": ["fri"], "from": "22:00", "to": "06:00"}, rules.Hours)
    rule = rules.Inside(name="in", zone="yard", after_seconds=0, hours=(nights,))
    assert bool(watched(rule, [(0.0, [track(500)])], now=now)) == holds


def test_an_event_ends_when_its_hours_do():
    rule = rules.Inside(name="in", zone="yard", after_seconds=0, hold_seconds=0, hours=(rules.Hours(end="12:00"),))
    watch = rules.Watch([rule], zones=[YARD])
    told = [
        one.state
        for minute in (58, 59, 60, 61)
        for one in watch(
            rules.scene_of([track(500, seconds=minute)], minute, SIZE),
            datetime(2026, 11, 27, 11 + minute // 60, minute % 60),  # noqa: DTZ001 - local time
        )
    ]
    assert told == ["new", "end"]
    with pytest.raises(ValueError, match="say which time it is"):
        watch(rules.scene_of([], 62, SIZE))


def test_what_goes_on_ends_when_nobody_watches():
    watch = rules.Watch([rules.Inside(name="in", zone="yard", after_seconds=0)], zones=[YARD])
    watch(rules.scene_of([track(500)], 0.0, SIZE))
    assert [(one.state, one.key, one.seconds) for one in watch.close(3.0)] == [("end", 1, 3.0)]
    assert watch.close(4.0) == []


def test_names_are_known_and_there_once():
    rule = rules.Inside(name="in", zone="yrad")
    with pytest.raises(ValueError, match="names the zone 'yrad'; there are: yard"):
        rules.Watch([rule], zones=[YARD])
    with pytest.raises(ValueError, match="two zones of the name 'yard'"):
        rules.Watch([], zones=[YARD, YARD])
    with pytest.raises(ValueError, match="names the line 'gate'; there are: none"):
        rules.Watch([rules.Crossing(name="x", line="gate")])


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "inside", "name": "in"},
        {"kind": "inside", "name": "in", "zone": "yard", "colour": "red"},
        {"kind": "insider", "name": "in", "zone": "yard"},
        {"kind": "crowd", "name": "c", "count": 0},
        {"kind": "inside", "name": "a b", "zone": "yard"},
        {"kind": "inside", "name": "in", "zone": "yard", "hours": [{"from": "25:00"}]},
        {"kind": "running", "name": "r", "speed": -1},
    ],
)
def test_rules_of_a_file_are_strict(data):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(data, rules.Rule)


def test_places_of_a_file_are_strict():
    for data in ({"name": "z", "points": [[0, 0], [1, 1]]}, {"name": "z", "points": [[0, 0], [1, 1], [1.5, 0]]}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(data, rules.Zone)
    with pytest.raises(msgspec.ValidationError, match="no length"):
        msgspec.convert({"name": "l", "points": [[0.5, 0.5], [0.5, 0.5]]}, rules.Line)


def test_inside_agrees_with_a_plain_winding_of_triangles():
    """A point lies in a triangle if it lies on one side of all three sides."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        corners, points = rng.random((3, 2)), rng.random((40, 2))
        ways = np.roll(corners, -1, axis=0) - corners
        to_points = points[:, np.newaxis] - corners
        turns = ways[:, 0] * to_points[..., 1] - ways[:, 1] * to_points[..., 0]
        np.testing.assert_array_equal(
            inside(points, corners.tolist()), (turns > 0).all(axis=1) | (turns < 0).all(axis=1)
        )


def test_inside_of_a_shape_with_a_bay():
    bay = ((0, 0), (1, 0), (1, 1), (0.6, 1), (0.6, 0.4), (0.4, 0.4), (0.4, 1), (0, 1))
    points = np.array([[0.5, 0.7], [0.5, 0.2], [0.2, 0.7], [0.8, 0.7], [1.2, 0.5]])
    assert inside(points, bay).tolist() == [False, True, True, True, False]


def test_right_is_the_right_hand_of_whoever_walks_the_line():
    # From the left of the picture to its right: the right hand is below.
    assert side(np.array([[0.5, 0.75], [0.5, 0.25]]), ((0.0, 0.5), (1.0, 0.5))).tolist() == [0.25, -0.25]


def test_ways_that_touch_no_line_do_not_cross_it():
    before, after = (
        np.array([[0.2, 0.2], [0.2, 0.2], [0.2, 0.9], [0.2, 0.2]]),
        np.array([[0.8, 0.2], [0.4, 0.2], [0.8, 0.9], [0.2, 0.2]]),
    )
    assert crosses(before, after, ((0.5, 0.0), (0.5, 0.5))).tolist() == [True, False, False, False]


@pytest.mark.parametrize("step", [0.04, 0.5, 1.04, 2.0, 5.0])
def test_what_is_true_in_each_frame_is_true_between_them(step):
    rule = rules.Inside(name="in", zone="yard", after_seconds=4, hold_seconds=1)
    told = watched(rule, [(t, [track(500, seconds=t)]) for t in times(20, step)])
    assert [state for _, state, _ in told] == ["new"]
    assert 4 <= told[0][0] < 4 + step + 0.01
    crowd = rules.Crowd(name="many", count=1, after_seconds=4, hold_seconds=1)
    assert [state for _, state, _ in watched(crowd, [(t, [track(9, seconds=t)]) for t in times(20, step)])] == ["new"]


def test_feet_at_the_edge_of_the_picture_are_in_a_zone_that_reaches_there():
    rule = rules.Inside(name="in", zone="yard", after_seconds=0)
    for foot in (500, 507):
        assert watched(rule, [(0.0, [track(500, foot=foot)])]) == [(0.0, "new", 1)]


def test_time_that_goes_back_ends_what_goes_on():
    rule = rules.Inside(name="in", zone="yard", after_seconds=0, hold_seconds=1)
    told = watched(rule, [(1000.0, [track(500, seconds=1000.0)]), (0.0, []), (0.1, [])])
    assert told == [(1000.0, "new", 1), (1000.0, "end", 1)]
    jitter = watched(rule, [(10.0, [track(500, seconds=10.0)]), (9.9, [track(500, seconds=9.9)])])
    assert jitter == [(10.0, "new", 1)]


def test_a_crowd_of_which_one_is_hidden_is_one_event():
    rule = rules.Crowd(name="crowd", count=3, after_seconds=1, hold_seconds=1)
    moments = [
        (
            t,
            [
                track(450 + 50 * i, track_id=i + 1, seconds=t, seen=min(t, 2.0) if i == 1 and t < 3.8 else t)
                for i in range(3)
            ],
        )
        for t in times(6)
    ]
    assert watched(rule, moments) == [(1.0, "new", "crowd")]


def test_one_who_lies_still_has_fallen_once_whatever_the_box_trembles():
    rule = rules.Fall(name="fall", after_seconds=1, hold_seconds=0.5)
    moments = [(t, [person_lying_from(2, t)]) for t in times(8)]
    trembling = [(t, [track(300, seconds=t, width=42, height=40)] if t == 6 else tracks) for t, tracks in moments]
    assert watched(rule, trembling) == [(3.0, "new", 1)]


def test_what_happened_while_a_rule_did_not_hold_is_not_told_later():
    night = rules.Hours(begin="00:00", end="12:00")
    rule = rules.Crossing(name="x", line="gate", hours=(night,))
    watch = rules.Watch([rule], lines=[GATE])
    told = []
    for t, x, hour in ((0.0, 400, 11), (1.0, 450, 12), (2.0, 600, 12), (3.0, 620, 11), (4.0, 640, 11)):
        now = datetime(2026, 11, 27, hour)  # noqa: DTZ001 - local time
        told += watch(rules.scene_of([track(x, seconds=t)], t, SIZE), now)
    assert told == []


def test_a_bag_that_was_away_from_its_place_is_not_left_at_once():
    rule = rules.Left(name="left", zone="yard", classes=("backpack",), alone_seconds=5, hold_seconds=0.5)
    moments = [(t, [bag(500 if not 2 < t < 8 else 100, t)]) for t in times(12)]
    assert watched(rule, moments) == []


def test_another_resolution_removes_and_leaves_nothing():
    watch = rules.Watch(
        [
            rules.Removed(name="gone", settled_seconds=1, after_seconds=1),
            rules.Left(name="left", alone_seconds=4, classes=("backpack",)),
        ]
    )
    told = []
    for t in times(6):
        scale = 1 if t < 2 else 2
        one = bag(300 / scale, t, foot=300 / scale)
        small = rules.scene_of([one], t, (SIZE[0] // scale, SIZE[1] // scale))
        told += watch(small)
    assert [(one.rule, one.state, one.seconds) for one in told] == [("left", "new", 4.0)]


def test_a_place_is_not_watched_for_ever():
    rule = rules.Removed(name="gone", settled_seconds=1, after_seconds=1, hold_seconds=0.5, forget_seconds=5)
    moments = [(t, [bag(300, t)] if t < 2 else []) for t in times(10)]
    assert [state for _, state, _ in watched(rule, moments)] == ["new", "end"]


def test_one_who_was_seen_inside_once_and_then_hidden_has_not_entered():
    rule = rules.Inside(name="in", zone="yard", after_seconds=0.3, hold_seconds=1)
    moments = [(t, [track(500, seconds=t, seen=0.0)]) for t in times(3)]
    assert watched(rule, moments) == []


def test_a_name_has_no_line_break():
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"kind": "inside", "name": "in\n", "zone": "yard"}, rules.Rule)
