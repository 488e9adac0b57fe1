"""The gate opens for things that move, and for nothing else: not for noise, nor for light."""

import cv2
import numpy as np
import pytest
import small_models
from hypothesis import given
from hypothesis import strategies as st

import lepton_edge as le
from lepton_edge_runtime.errors import InputError

WIDTH, HEIGHT = 640, 360
RNG = np.random.default_rng(5)
# A street: large and small areas of different brightness, in colours.
SCENE = cv2.GaussianBlur(
    cv2.resize(RNG.integers(90, 190, (9, 16, 3), dtype=np.uint8), (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST),
    (0, 0),
    3,
).astype(np.float32)
NOISE = [RNG.normal(0, 1, SCENE.shape).astype(np.float32) for _ in range(4)]


def picture(i, *, light=1.0, noise=5.0, things=()):
    """The street at a time; things are left, top, width, height, level."""
    made = SCENE.copy()
    for left, top, width, height, level in things:
        made[top : top + height, left : left + width] = level
    return np.clip(light * made + noise * NOISE[i % 4], 0, 255).astype(np.uint8)


def frame(image, i, *, fps=10):
    return le.Frame(image, i, float(i), i / fps)


def strict(**arguments):
    """A gate that lets nothing pass but motion, and the first frame."""
    return le.MotionGate(hold_seconds=0, every_seconds=None, **arguments)


def passed(gate, images, begin=0):
    return [gate(frame(image, i)) for i, image in enumerate(images, begin)]


@pytest.mark.parametrize("noise", [0, 5, 15, 30])
def test_a_still_street_passes_once_however_noisy_the_camera_is(noise):
    assert passed(strict(), [picture(i, noise=noise) for i in range(30)]) == [True] + [False] * 29


LIGHTS = {
    "a cloud passes": lambda i: 1 - 0.4 * np.sin(i / 10) ** 2,
    "the light is switched off": lambda i: 1 if i < 10 else 0.35,
    "the light is switched on": lambda i: 0.4 if i < 10 else 1,
    "the camera was overexposed": lambda i: 1.6 if i < 10 else 1,
    "the lamps flicker": lambda i: 1 + 0.2 * np.sin(2.1 * i),
}


@pytest.mark.parametrize("light", LIGHTS.values(), ids=LIGHTS)
def test_light_that_changes_all_over_the_picture_is_no_motion(light):
    assert passed(strict(), [picture(i, light=light(i)) for i in range(30)]) == [True] + [False] * 29


def walker(i, level=0):
    return (60 + 12 * i, 150, 16, 40, level)


@pytest.mark.parametrize("light", [lambda i: 1, *LIGHTS.values()], ids=["in steady light", *LIGHTS])
def test_a_small_thing_that_moves_passes_in_any_light(light):
    gate = strict()
    passed(gate, [picture(i, light=light(i)) for i in range(8)])
    seen = passed(gate, [picture(i, light=light(i), things=[walker(i)]) for i in range(8, 28)], 8)
    # In the very frame in which light jumps, less can be told.
    assert [i for i, one in enumerate(seen, 8) if not one] in ([], [10])


def test_the_boxes_are_where_things_move():
    gate = strict()
    passed(gate, [picture(i) for i in range(20)])
    gate(frame(picture(20, things=[(100, 200, 30, 60, 250), (500, 40, 60, 60, 250)]), 20))
    assert len(gate.boxes) == 2
    # The largest first; a pixel of the small copy is 4 of the picture.
    np.testing.assert_allclose(gate.boxes, [[500, 40, 560, 100], [100, 200, 130, 260]], atol=8)
    assert gate.area == pytest.approx((60 * 60 + 30 * 60) / (WIDTH * HEIGHT), rel=0.3)
    gate(frame(picture(21), 21))
    assert (len(gate.boxes), gate.area) == (0, 0)


def test_what_is_smaller_than_asked_for_does_not_pass():
    small = (100, 200, 30, 30, 250)  # 0.4 % of the picture
    for share, opens in ((0.002, True), (0.008, False)):
        gate = strict(min_area=share)
        passed(gate, [picture(i) for i in range(3)])
        assert gate(frame(picture(3, things=[small]), 3)) is opens


def test_what_differs_by_less_than_asked_for_does_not_pass():
    for threshold, opens in ((20, True), (60, False)):
        gate = strict(threshold=threshold)
        images = [np.full((HEIGHT, WIDTH), 100, np.uint8) for _ in range(4)]
        images[3][100:160, 100:160] += 40
        assert passed(gate, images)[3] is opens


def test_frames_pass_for_a_while_after_motion_has_ended():
    gate = le.MotionGate(hold_seconds=0.5, every_seconds=None)
    passed(gate, [picture(i) for i in range(20)])
    walk = passed(gate, [picture(i, things=[walker(i)]) for i in range(20, 25)], 20)
    after = passed(gate, [picture(i) for i in range(25, 40)], 25)
    assert all(walk)
    assert after == [True] * 5 + [False] * 10


def test_so_often_a_frame_passes_though_nothing_moves():
    gate = le.MotionGate(hold_seconds=0, every_seconds=1)
    assert [i for i, one in enumerate(passed(gate, [picture(i) for i in range(45)])) if one] == [0, 10, 20, 30, 40]


def test_who_has_left_after_the_first_picture_is_soon_forgotten():
    gate = strict()
    assert gate(frame(picture(0, things=[(100, 100, 60, 80, 250)]), 0))
    after = passed(gate, [picture(i) for i in range(1, 20)], 1)
    assert after == sorted(after, reverse=True)  # a while of motion, and then none
    assert after.count(True) < 8


def test_what_has_come_to_rest_becomes_the_background():
    gate = strict(adapt_seconds=1)
    passed(gate, [picture(i) for i in range(3)])
    parked = passed(gate, [picture(i, things=[(100, 100, 80, 80, 250)]) for i in range(3, 60)], 3)
    assert parked[:10] == [True] * 10
    assert parked[-10:] == [False] * 10


def test_another_scene_passes_once_and_so_does_another_resolution():
    other = np.ascontiguousarray(picture(0)[::-1, ::-1])
    assert passed(strict(), [picture(0), picture(1), other, other]) == [True, False, True, False]
    half = cv2.resize(picture(0), (WIDTH // 2, HEIGHT // 2))
    assert passed(strict(), [picture(0), picture(1), half, half]) == [True, False, True, False]


def test_a_lens_that_is_covered_passes():
    covered = np.full((HEIGHT, WIDTH, 3), 15, np.uint8)
    assert passed(strict(), [picture(0), picture(1), picture(2), covered, covered]) == [True, False, False, True, False]


def test_motion_counts_in_the_areas_asked_for():
    left, right = (60, 100, 40, 80, 250), (500, 100, 40, 80, 250)
    for areas in ((0.5, 0, 1, 1), (320, 0, 640, 360), [(320, 0, 640, 200), (0.5, 0.5, 1, 1)]):
        gate = strict(areas=areas)
        passed(gate, [picture(i) for i in range(3)])
        assert not gate(frame(picture(3, things=[left]), 3))
        assert gate(frame(picture(4, things=[left, right]), 4))
        assert len(gate.boxes) == 1
    with pytest.raises(InputError, match="the area 700,0,900,100 lies outside the picture, which is 640×360"):
        strict(areas=(700, 0, 900, 100))(frame(picture(0), 0))


def test_pictures_that_tell_no_time_are_a_second_apart():
    gate = le.MotionGate(hold_seconds=0, every_seconds=3)
    opened = [gate(le.Frame(picture(i), i, float(i), 0.0)) for i in range(8)]
    assert opened == [True, False, False, True, False, False, True, False]


def test_grey_pictures_and_tiny_ones_are_looked_at_too():
    for shape in ((HEIGHT, WIDTH), (48, 64, 3), (20, 16), (1000, 6, 3)):
        still = np.full(shape, 90, np.uint8)
        moved = still.copy()
        moved[: shape[0] // 3, : shape[1] // 3] = 200
        assert passed(strict(), [still, still, moved]) == [True, False, True]


@given(levels=st.lists(st.integers(0, 255), min_size=1, max_size=3), seed=st.integers(0, 9))
def test_pictures_of_a_few_levels_are_looked_at_too(levels, seed):
    rng = np.random.default_rng(seed)
    gate = strict()
    for i in range(4):
        image = rng.choice(np.array(levels, np.uint8), (24, 32))
        passes = gate(frame(image, i))
        assert passes == (len(gate.boxes) > 0)
        assert 0 <= gate.area <= 1
        assert (gate.boxes >= 0).all()
        assert (gate.boxes[:, :2] < gate.boxes[:, 2:]).all()
        assert (gate.boxes[:, 2:] <= (32, 24)).all()


def test_a_picture_of_two_levels_tells_its_light():
    halves = np.full((HEIGHT, WIDTH), 40, np.uint8)
    halves[:, : WIDTH // 2] = 140
    assert passed(strict(), [halves, halves, halves // 2, halves // 2]) == [True, False, False, False]


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": 0}, {"threshold": 256}, {"min_area": 0}, {"min_area": 1.5}, {"side": 3}, {"hold_seconds": -1},
        {"every_seconds": 0}, {"adapt_seconds": 0}, {"areas": (1, 2, 3)},
    ],
)  # fmt: skip
def test_numbers_that_no_gate_works_with_are_refused(wrong):
    with pytest.raises(ValueError, match="threshold is in grey levels|hold_seconds is 0 or more|four numbers"):
        le.MotionGate(**wrong)


@pytest.fixture
def classifier(tmp_path):
    (tmp_path / "kind.onnx").write_bytes(small_models.onnx_picture_classifier().SerializeToString())
    with le.open_model(tmp_path / "kind.onnx", labels=("red", "green", "blue")) as model:
        yield model


@pytest.fixture
def street(tmp_path):
    """Thirty pictures, in which somebody walks from the tenth to the fourteenth."""
    folder = tmp_path / "street"
    folder.mkdir()
    for i in range(30):
        cv2.imwrite(str(folder / f"{i:02}.png"), picture(i, things=[walker(i)] if 10 <= i < 15 else []))
    return folder


def test_a_stream_answers_what_moves_and_counts_the_rest_as_still(classifier, street):
    with le.Camera(street) as camera:
        answers = list(classifier.stream(camera, gate=strict()))
    assert [one.origin.frame.index for one in answers] == [0, *range(10, 15)]
    counts = camera.counts
    assert (counts.captured, counts.delivered, dict(counts.dropped)) == (30, 6, {"still": 24})


def test_a_gate_of_ones_own_is_any_function_of_a_frame(classifier, street):
    with le.Camera(street) as camera:
        answers = list(classifier.stream(camera, gate=lambda frame: frame.index % 10 == 0))
    assert [one.origin.frame.index for one in answers] == [0, 10, 20]
    assert dict(camera.counts.dropped) == {"still": 27}


def test_a_gate_that_fails_leaves_no_frame_unaccounted_for(classifier, street):
    with le.Camera(street) as camera, pytest.raises(InputError, match="lies outside the picture"):
        list(classifier.stream(camera, gate=strict(areas=(9000, 0, 9100, 50))))
    counts = camera.counts
    assert counts.dropped["failed"] == 1
    assert counts.captured == counts.delivered + sum(counts.dropped.values())
