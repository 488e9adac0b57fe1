"""Real files of others: they say what they see, without a card and mostly without an argument."""

import io
import zipfile

import cv2
import numpy as np
import pytest

import lepton_edge as le
from lepton_edge_runtime.errors import PreprocessError

pytestmark = pytest.mark.realdata


@pytest.fixture
def models(real_data):
    return real_data / "models"


@pytest.fixture
def images(real_data):
    return real_data / "images"


def test_a_cat_is_a_cat_with_the_labels_given(models, images):
    with le.open_model(models / "mobilenet_v2_1.0_224_quant.tflite", labels=models / "imagenet_labels.txt") as model:
        result = model(images / "cat_720p.jpg")
    assert len(model.labels) == 1001
    assert result.top.label == "Egyptian cat"
    assert result.top.score > 0.5


@pytest.mark.parametrize(("picture", "bird"), [("parrot.jpg", "Ara macao"), ("owl.jpg", "Athene cunicularia")])
def test_birds_are_named(models, images, picture, bird):
    path = models / "mobilenet_v2_1.0_224_inat_bird_quant.tflite"
    with le.open_model(path, labels=models / "inat_bird_labels.txt") as model:
        assert model(images / picture).top.label.startswith(bird)


def test_metadata_bring_labels_and_normalization(models, images):
    with le.open_model(models / "mobilenet_v1_0.25_224_metadata.tflite") as model:
        assert model(images / "cat_720p.jpg").top.label == "Egyptian cat"
        preprocess = model.card.inputs[0].preprocess
        assert (preprocess.range, preprocess.mean, preprocess.std) == ((0, 255), (127.5,) * 3, (127.5,) * 3)
        assert len(model.labels) == 1001


@pytest.fixture
def street(real_data):
    capture = cv2.VideoCapture(str(real_data / "videos" / "vtest.avi"))
    for _ in range(201):
        frame = capture.read()[1]
    capture.release()
    return frame


def test_a_street_has_the_people_that_a_plain_reading_finds(models, street):
    from ai_edge_litert.interpreter import Interpreter

    path = models / "coco_ssd_mobilenet_v1_metadata.tflite"
    with le.open_model(path) as model:
        found = model(street)
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    rgb = cv2.cvtColor(cv2.resize(street, (300, 300)), cv2.COLOR_BGR2RGB)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], rgb[np.newaxis])
    interpreter.invoke()
    boxes, classes, scores, count = (interpreter.get_tensor(end["index"]) for end in interpreter.get_output_details())
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        names = archive.read("labelmap.txt").decode().split("\n")
    assert len(found) == int(count[0]) == 10
    assert list(found.labels) == [names[int(one)] for one in classes[0]]
    np.testing.assert_array_equal(found.score, scores[0])
    height, width = street.shape[:2]
    expected = np.clip(boxes[0][:, [1, 0, 3, 2]] * [width, height, width, height], 0, [width, height] * 2)
    np.testing.assert_allclose(found.xyxy, expected, atol=0.01)  # float32 on the way
    # Looked at once, on the picture: these are people on the pavement.
    assert found.labels.count("person") >= 7


def test_people_are_told_from_rooms_without_labels(models, images):
    with le.open_model(models / "vww_96_int8.tflite") as model:
        assert model(images / "faces" / "sample1.jpg").top.index == 1
        assert model(images / "owl.jpg").top.index == 0
        assert any("has no labels" in one for one in model.assumptions)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("yolox_nano.onnx", (1, 3549, 85)),
        ("mobilenet_v1_1.0_224_quant_embedding_extractor.tflite", (1, 1, 1, 1024)),
    ],
)
def test_what_no_task_decodes_is_raw(models, images, name, shape):
    with le.open_model(models / name) as model:
        assert [value.shape for value in model(images / "owl.jpg").values.values()] == [shape]
        assert model.card.task == "raw"


def test_faces_of_any_size_want_a_size(models, images):
    path = models / "face_detection_yunet.onnx"
    with pytest.raises(PreprocessError, match=r"the input 'input' is 1×3×\?×\?: say which size"):
        le.open_model(path)
    with le.open_model(path, preprocess=le.Preprocess(size=(320, 256), color="bgr", range=(0, 255))) as model:
        assert model(images / "owl.jpg")["cls_8"].shape == (1, 40 * 32, 1)


def test_one_net_in_two_formats_answers_alike(models):
    audio = np.random.default_rng(0).standard_normal((1, 43844, 1)).astype(np.float32) / 10
    answers = []
    for name in ("nmp.tflite", "nmp.onnx"):
        with le.open_model(models / "basic_pitch" / name) as model:
            answers.append(model(audio))
    for key, value in answers[0].values.items():
        np.testing.assert_allclose(answers[1][key], value, atol=1e-3)  # float kernels of two engines


@pytest.mark.parametrize(
    ("name", "preprocess"),
    [
        ("mobilenet_v2_1.0_224_quant.tflite", None),
        ("coco_ssd_mobilenet_v1_metadata.tflite", None),
        ("yolox_nano.onnx", None),
        ("face_detection_yunet.onnx", le.Preprocess(size=(320, 320), color="bgr", range=(0, 255))),
        ("basic_pitch/nmp.onnx", None),
        ("vww_96_int8.tflite", None),
    ],
)
def test_real_files_can_be_adopted_and_verified(models, tmp_path, name, preprocess):
    done = le.adopt(models / name, tmp_path / "m.lepton", preprocess=preprocess)
    again = le.adopt(models / name, tmp_path / "again.lepton", preprocess=preprocess)
    assert again.output.read_bytes() == done.output.read_bytes()
    assert "failed" not in {check.outcome for check in le.verify(done.output)}
