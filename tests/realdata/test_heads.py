"""Real detectors on real pictures, beside OpenCV's own detector, TFLite's own operator, and what was seen by eye."""

import cv2
import msgspec
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from detectors import ORIGIN, card, overlap

import lepton_edge as le
from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.heads import AnchorLevel, Ssd, Yolox, Yunet
from lepton_edge_runtime.tasks import Limits, make_decoder

pytestmark = pytest.mark.realdata

BYTES = le.Preprocess(color="bgr", resize="letterbox", align="top-left", range=(0, 255))
CENTRED = msgspec.structs.replace(BYTES, align="center")
FACES = ("sample1.jpg", "sample2.jpg", "sample3.jpg", "sample4.jpg")


@pytest.fixture(scope="module")
def street(real_data):
    """Frame 200 of the video of pedestrians."""
    capture = cv2.VideoCapture(str(real_data / "videos" / "vtest.avi"))
    for _ in range(200):
        capture.grab()
    found, frame = capture.read()
    assert found
    return frame


def coco_80(real_data):
    """The 80 classes that YOLO's models know: a list of 90 places, without the empty ones."""
    lines = (real_data / "models" / "coco_labels.txt").read_text().splitlines()
    return tuple(line for line in lines if line != "n/a")


def persons(result):
    return sorted(one.box[0] for one in result if one.label == "person")


@pytest.mark.parametrize("preprocess", [BYTES, CENTRED], ids=["top-left", "center"])
def test_yolox_finds_the_persons_of_a_street(real_data, street, preprocess):
    description = le.Description(head=Yolox(), labels=coco_80(real_data), preprocess=preprocess)
    with le.open_model(real_data / "models" / "yolox_nano.onnx", description=description) as model:
        result = model(street)
    # A van is a truck, and at the top left a car as well.
    vehicles = [label for label in result.labels if label != "person"]
    assert sorted(vehicles) == (["car", "car", "truck"] if preprocess is BYTES else ["car", "truck"])
    # Left edges as measured by eye, to a few pixels.
    np.testing.assert_allclose(persons(result), [31, 80, 219, 486, 615, 677, 700, 703], atol=6)


def test_labels_of_another_list_are_refused(real_data):
    description = le.Description(head=Yolox(), labels=str(real_data / "models" / "coco_labels.txt"), preprocess=BYTES)
    with pytest.raises(BundleError, match="there are 90 labels for 80 classes"):
        le.open_model(real_data / "models" / "yolox_nano.onnx", description=description)


def test_a_bird_is_found_and_then_named(real_data):
    description = le.Description(head=Yolox(), labels=coco_80(real_data), preprocess=BYTES)
    birds = real_data / "models" / "mobilenet_v2_1.0_224_inat_bird_quant.tflite"
    with (
        le.open_model(real_data / "models" / "yolox_nano.onnx", description=description) as first,
        le.open_model(birds, labels=real_data / "models" / "inat_bird_labels.txt", top=1) as second,
    ):
        found = le.chain(first, second, on="bird", margin=0.1)(real_data / "images" / "parrot.jpg")
    assert found.found.labels == ("bird",)
    assert found.then[0].top.label.startswith("Ara macao")


def test_coco_ssd_finds_persons_where_yolox_does(real_data, street):
    with le.open_model(real_data / "models" / "coco_ssd_mobilenet_v1_metadata.tflite", min_score=0.5) as model:
        result = model(street)
    for left in (80, 219, 486, 615, 703):
        assert min(abs(left - one) for one in persons(result)) < 10


@pytest.mark.parametrize("name", FACES)
def test_faces_and_their_points_are_those_of_opencvs_detector(name, real_data):
    image = cv2.imread(str(real_data / "images" / "faces" / name))
    path = real_data / "models" / "face_detection_yunet.onnx"
    size = (640, 448)
    small = cv2.resize(image, size)
    theirs = cv2.FaceDetectorYN.create(str(path), "", size, 0.6, 0.3, 5000)
    _, wanted = theirs.detect(small)
    said = le.Preprocess(size=size, color="bgr", range=(0, 255))
    with le.open_model(path, description=le.Description(head=Yunet(), task="pose", preprocess=said)) as model:
        found = model(small)
    assert len(found) == len(wanted) >= 3
    for ours, row in zip(found, wanted, strict=True):
        x, y, width, height = row[:4]
        assert overlap(ours.box, [x, y, x + width, y + height]) > 0.98
        assert ours.score == pytest.approx(row[14], abs=2e-3)
        points = np.array([[point.x, point.y] for point in ours.points])
        np.testing.assert_allclose(points, row[4:14].reshape(5, 2), atol=0.5)


def test_anchors_are_decoded_as_by_tflites_own_operator(real_data, street):
    """The operator's inputs, decoded by our head: each of its boxes is among ours, of the same class and score."""
    path = real_data / "models" / "coco_ssd_mobilenet_v1_metadata.tflite"
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(str(path), experimental_op_resolver_type=plain, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    picture = cv2.cvtColor(cv2.resize(street, (300, 300)), cv2.COLOR_BGR2RGB)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture[np.newaxis])
    interpreter.invoke()
    operator = interpreter._get_ops_details()[-1]
    assert operator["op_name"] == "TFLite_Detection_PostProcess"
    details = {one["index"]: one for one in interpreter.get_tensor_details()}

    def real(index):
        scale, zero = details[index]["quantization"]
        return (interpreter.get_tensor(index).astype(np.float32) - zero) * scale

    told, scores, anchors = (real(index) for index in operator["inputs"])
    told, scores = told.reshape(1, -1, 4), scores.reshape(1, len(anchors), -1)
    head = Ssd(levels=levels_of(anchors), apply="none", variances=(0.1, 0.2), iou=1.0, min_score=0.3)
    made = card(head, {"boxes": told.shape, "scores": scores.shape}, size=(300, 300))
    ours = make_decoder(made, Limits(boxes=5000))([told, scores], None, ORIGIN)
    boxes, classes, sure, count = (interpreter.get_tensor(one["index"])[0] for one in interpreter.get_output_details())
    finished = [i for i in range(int(count)) if sure[i] >= 0.3]
    assert len(finished) >= 8
    for i in finished:
        top, left, bottom, right = boxes[i] * 300
        apart = [
            np.abs(box - [left, top, right, bottom]).max()
            for box, class_id, score in zip(ours.xyxy, ours.class_id, ours.score, strict=True)
            if class_id == int(classes[i]) and score == pytest.approx(sure[i], abs=1e-4)
        ]
        # The model has its anchors' places in 8 bits, in steps of 2 pixels: ours are where they should be.
        assert min(apart) < 1.1


def levels_of(anchors):
    """Return the grids that anchors (n × 4: centre y, x, height, width) stand on."""
    levels, begin = [], 0
    for side, boxes in ((19, 3), (10, 6), (5, 6), (3, 6), (2, 6), (1, 6)):
        shapes = tuple((float(w), float(h)) for _, _, h, w in anchors[begin : begin + boxes])
        levels.append(AnchorLevel(rows=side, columns=side, shapes=shapes))
        begin += side * side * boxes
    assert begin == len(anchors)
    return tuple(levels)


def test_pictures_of_one_thing_lie_closer_than_others(real_data):
    path = real_data / "models" / "mobilenet_v1_1.0_224_quant_embedding_extractor.tflite"
    parrot, owl = (cv2.imread(str(real_data / "images" / name)) for name in ("parrot.jpg", "owl.jpg"))
    height, width = parrot.shape[:2]
    crop = parrot[height // 10 :, : width - width // 10]
    with le.open_model(path, task="embed") as model:
        whole, part, other = model(parrot), model(crop), model(owl)
    assert len(whole) == 1024
    assert whole.similarity(part) > 0.8
    assert whole.similarity(part) > whole.similarity(other) + 0.2
