"""Motion and regions on a real video of pedestrians, beside a detector that sees them."""

from itertools import combinations

import cv2
import numpy as np
import pytest
from detectors import overlap

import lepton_edge as le
from lepton_edge_runtime.heads import Yolox

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def street(real_data):
    """The first three hundred frames of the video."""
    with le.Camera(real_data / "videos" / "vtest.avi") as camera:
        return [frame for frame, _ in zip(camera, range(300), strict=False)]


@pytest.fixture(scope="module")
def yolox(real_data):
    lines = (real_data / "models" / "coco_labels.txt").read_text().splitlines()
    said = le.Description(
        head=Yolox(),
        labels=tuple(line for line in lines if line != "n/a"),
        preprocess=le.Preprocess(color="bgr", resize="letterbox", range=(0, 255)),
    )
    with le.open_model(real_data / "models" / "yolox_nano.onnx", description=said) as model:
        yield model


def strict(**arguments):
    return le.MotionGate(hold_seconds=0, every_seconds=None, **arguments)


def test_pedestrians_pass_in_every_frame_and_the_boxes_are_where_they_walk(street, yolox):
    gate = strict()
    assert all(gate(frame) for frame in street[:201])
    persons = [one.box for one in yolox(street[200].image) if one.label == "person"]
    still = []
    for left, top, right, bottom in persons:
        middle = (left + right) / 2, (top + bottom) / 2
        inside = (gate.boxes[:, :2] <= middle).all(axis=1) & (gate.boxes[:, 2:] >= middle).all(axis=1)
        if not inside.any():
            still.append(round(left))
    # Of the eight that the detector takes for persons one is a sign on the lawn, and it stands still.
    assert (len(persons), still) == (8, [31])


def test_a_lawn_that_nobody_crosses_is_still(street):
    gate = strict(areas=(0, 400, 250, 576))
    assert [frame.index for frame in street if gate(frame)] == [0]


def test_a_still_street_is_still_in_noise_and_changing_light_until_somebody_walks(street):
    still = street[200].image.astype(np.float32)
    rng = np.random.default_rng(0)
    gate = strict()
    opened = []
    for i in range(60):
        light = 1 - 0.5 * min(1, i / 20) + (0.4 if i > 40 else 0)
        made = still + rng.normal(0, 8, still.shape)
        if i >= 50:  # a person is taken across the lawn
            made[430:500, 40 + 10 * i : 80 + 10 * i] = still[150:220, 480:520]
        image = np.clip(light * made, 0, 255).astype(np.uint8)
        if gate(le.Frame(image, i, 0.0, i / 10)):
            opened.append(i)
    assert opened == [0, *range(50, 60)]


def test_a_region_finds_the_persons_in_it_and_no_others(street, yolox):
    frame = street[200].image
    right = le.Regions(yolox, (0.55, 0, 1, 1))(frame)
    found = sorted(one.box[0] for one in right if one.label == "person")
    # Left edges as measured by eye; the two in the distance are larger for the model than in the whole picture.
    np.testing.assert_allclose(found, [486, 615, 677, 700, 703], atol=8)
    halves = le.Regions(yolox, [(0, 0, 0.55, 1), (0.45, 0, 1, 1)])(frame)
    persons = [one for one in halves if one.label == "person"]
    for left in (80, 219, 486, 615, 677, 700, 703):
        assert min(abs(left - one.box[0]) for one in persons) < 8
    assert all(overlap(one.box, other.box) < 0.45 for one, other in combinations(persons, 2))


def test_a_film_of_the_answers_has_every_frame(real_data, tmp_path, street):
    from lepton_edge_runtime.recorder import Recorder

    model = real_data / "models" / "coco_ssd_mobilenet_v1_metadata.tflite"
    with le.open_model(model) as detector, Recorder(tmp_path / "film.avi", fps=10) as recorder:
        for frame in street[:25]:
            recorder.write(detector.answer(frame).draw(frame.image))
    capture = cv2.VideoCapture(str(tmp_path / "film.avi"))
    assert (recorder.frames, recorder.dropped, capture.get(cv2.CAP_PROP_FRAME_COUNT)) == (25, 0, 25)
