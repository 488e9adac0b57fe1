"""Real models on real pictures: the heat lies on the bird, on its head, on the person."""

import cv2
import pytest

import lepton_edge as le

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def birds(real_data):
    models = real_data / "models"
    file = models / "mobilenet_v2_1.0_224_inat_bird_quant.tflite"
    with le.open_model(file, labels=models / "inat_bird_labels.txt") as model:
        yield model


@pytest.mark.parametrize("method", ["rise", "occlusion"])
@pytest.mark.parametrize(
    ("name", "label", "box"),
    # The parrot and the owl's head as measured by eye.
    [("parrot", "Ara macao", (140, 100, 470, 660)), ("owl", "Athene cunicularia", (185, 5, 335, 125))],
)
def test_the_heat_lies_on_the_bird(birds, real_data, name, label, box, method):
    samples = 400 if method == "rise" else None
    explanation = le.explain(birds, real_data / "images" / f"{name}.jpg", method=method, samples=samples)
    x, y = explanation.peak
    assert explanation.target.startswith(label)
    assert box[0] <= x <= box[2]
    assert box[1] <= y <= box[3]


@pytest.mark.parametrize("which", [1, 3])
def test_the_heat_of_a_person_lies_in_its_box(real_data, which):
    capture = cv2.VideoCapture(str(real_data / "videos" / "vtest.avi"))
    for _ in range(200):
        capture.grab()
    _, street = capture.read()
    with le.open_model(real_data / "models" / "coco_ssd_mobilenet_v1_metadata.tflite") as model:
        explanation = le.explain(model, street, target="person", which=which, samples=400)
    x, y = explanation.peak
    left, top, right, bottom = explanation.found
    # A cell is 48 × 36 pixels of this picture: half of one beside the box is still at it.
    assert left - 24 <= x <= right + 24
    assert top - 18 <= y <= bottom + 18
