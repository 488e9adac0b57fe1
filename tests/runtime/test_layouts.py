"""Heads that metadata and shapes tell for certain, and those that they do not; descriptions beside files."""

import numpy as np
import pytest
import small_models
from detectors import onnx_finder
from onnx import TensorProto, helper, numpy_helper

import lepton_edge as le
from lepton_edge_runtime.errors import InputError, ModelFileError
from lepton_edge_runtime.heads import Semantic, Yolo, YoloEndToEnd

NAMES = "{0: 'ant', 1: 'bee', 2: 'cat'}"


def exported(path, task, *shapes, names=NAMES):
    """Write an ONNX file whose outputs have these shapes and whose metadata are as Ultralytics writes them."""
    nodes, constants, outputs = [], [], []
    for i, shape in enumerate(shapes):
        constants.append(numpy_helper.from_array(np.zeros(shape, np.float32), f"zeros{i}"))
        nodes.append(helper.make_node("Add", [f"zeros{i}", "none"], [f"output{i}"]))
        outputs.append(helper.make_tensor_value_info(f"output{i}", TensorProto.FLOAT, shape))
    nodes.insert(0, helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0))
    nodes.insert(1, helper.make_node("Mul", ["mean", "zero"], ["none"]))
    constants.append(numpy_helper.from_array(np.array(0, np.float32), "zero"))
    model = small_models.onnx_model(
        nodes,
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 64, 96])],
        outputs,
        constants,
        metadata={"names": names, "task": task, "imgsz": "[64, 96]"},
    )
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("task", "shapes", "head", "answers"),
    [
        ("detect", [(1, 7, 126)], Yolo(iou=0.7), le.Detections),
        ("detect", [(1, 378, 8)], Yolo(layout="rows", objectness=True, iou=0.7), le.Detections),
        ("detect", [(1, 300, 6)], YoloEndToEnd(), le.Detections),
        ("segment", [(1, 39, 126), (1, 32, 16, 24)], Yolo(masks=32, iou=0.7), le.Instances),
        ("segment", [(1, 300, 38), (1, 32, 16, 24)], YoloEndToEnd(masks=32), le.Instances),
        ("pose", [(1, 58, 126)], Yolo(keypoints=17, iou=0.7), le.Poses),
    ],
)
def test_an_ultralytics_export_opens_by_itself(task, shapes, head, answers, tmp_path):
    with le.open_model(exported(tmp_path / "m.onnx", task, *shapes)) as model:
        assert model.card.head == head
        assert model.labels == ("ant", "bee", "cat")
        assert model.card.inputs[0].preprocess.resize == "letterbox"
        assert model.assumptions == ()
        assert isinstance(model(np.zeros((80, 60, 3), np.uint8)), answers)


@pytest.mark.parametrize(
    ("task", "shapes"),
    [("detect", [(1, 9, 126)]), ("detect", [(1, 7, 126), (1, 4)]), ("segment", [(1, 39, 126)]), ("obb", [(1, 8, 126)])],
)
def test_what_is_not_certain_is_given_as_it_is_and_said(task, shapes, tmp_path):
    with le.open_model(exported(tmp_path / "m.onnx", task, *shapes)) as model:
        assert model.card.task == "raw"
        assert "not how its outputs are laid out" in model.assumptions[0]


def test_what_the_user_says_goes_before_metadata(tmp_path):
    path = exported(tmp_path / "m.onnx", "detect", (1, 7, 126))
    with le.open_model(path, description=le.Description(head=Yolo(iou=0.1), labels=("x", "y", "z"))) as model:
        assert model.card.head.iou == 0.1
        assert model.labels == ("x", "y", "z")
    with le.open_model(path, task="raw", description=le.Description(head=Yolo())) as model:
        assert isinstance(model(np.zeros((80, 60, 3), np.uint8)), le.Tensors)


ROWS = [[4, 2, 20, 14, 0.9, 0]]


@pytest.fixture
def finder(tmp_path):
    (tmp_path / "finder.onnx").write_bytes(onnx_finder(ROWS))
    return tmp_path / "finder.onnx"


def test_a_toml_file_beside_a_model_describes_it(finder):
    (finder.parent / "words.txt").write_text("ant\nbee\n")
    finder.with_suffix(".toml").write_text(
        'labels = "words.txt"\nhead = { kind = "yolo_end_to_end" }\n[preprocess]\nrange = [0, 255]\ncolor = "bgr"\n'
        'resize = "stretch"\n'
    )
    with le.open_model(finder) as model:
        assert model.assumptions == ("what finder.toml, which lies beside it, says of it",)
        assert model(np.zeros((48, 64, 3), np.uint8)).labels == ("ant",)
    with le.open_model(finder, labels=("wasp", "fly"), preprocess=le.Preprocess(resize="crop")) as model:
        assert model.labels == ("wasp", "fly")
        assert model.card.inputs[0].preprocess.resize == "crop"
        assert model.card.inputs[0].preprocess.color == "bgr"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("head = 1", r"finder.toml: Expected `object \| null`, got `int` - at `\$.head`"),
        ('head = { kind = "yolo", iuo = 1 }', "unknown field `iuo`"),
        ('head = { kind = "yolo9000" }', "Invalid value 'yolo9000'"),
        ('head = { kind = "yolo", iou = 2.0 }', r"iou lies in 0..1, not 2"),
        ("task = ", "Invalid value"),
        ('labels = "nowhere.txt"', "nowhere.txt"),
        ("\xff", "codec can't decode"),
    ],
)
def test_a_broken_description_is_refused_by_name(text, message, finder):
    finder.with_suffix(".toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=message):
        le.open_model(finder)


def test_a_description_of_other_outputs_is_refused(finder):
    with pytest.raises(ModelFileError, match=r"needs a head, which says how the outputs \(1×1×6\) are laid out"):
        le.open_model(finder, task="detect")
    said = le.Description(head=Semantic(), preprocess=le.Preprocess(range=(0, 255)))
    assert le.open_model(finder, description=said).card.task == "segment"


def test_a_bundle_of_a_described_model_needs_no_description(finder, tmp_path):
    said = le.Description(head=YoloEndToEnd(), labels=("ant", "bee"), preprocess=le.Preprocess(range=(0, 255)))
    le.adopt(finder, tmp_path / "finder.lepton", description=said)
    with le.open_model(tmp_path / "finder.lepton") as model:
        assert model.card.head == YoloEndToEnd()
        assert model(np.zeros((48, 64, 3), np.uint8)).labels == ("ant",)
