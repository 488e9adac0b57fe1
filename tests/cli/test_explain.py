"""``lepton-edge explain``: one library call, drawn and told."""

import json

import cv2
import numpy as np
import pytest

import lepton_edge as le
from lepton_edge.cli import execute


@pytest.fixture
def picture(tmp_path, frame):
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), frame)
    return path


def test_the_heat_of_a_bundle_is_drawn(bundle, picture, frame, tmp_path, capsys):
    heat = tmp_path / "heat.png"
    assert execute(["explain", str(bundle), str(picture), "-o", str(heat), "--samples", "30", "--seed", "3"]) == 0
    out, err = capsys.readouterr()
    explanation = le.explain(bundle, frame, samples=30, seed=3)
    assert out == f"{explanation}\n"
    assert err == f"asked 31 times, by tflite\nwrote {heat}\n"
    np.testing.assert_array_equal(cv2.imread(str(heat)), explanation.draw(frame))


@pytest.mark.parametrize("backend", ["tflite", "onnx"])
def test_json_has_what_the_library_gives(bundle, picture, frame, backend, capsys):
    arguments = ["explain", str(bundle), str(picture), "--method", "occlusion", "--target", "b", "--grid", "4"]
    assert execute([*arguments, "--backend", backend, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == le.explain(bundle, frame, method="occlusion", target="b", grid=4, backend=backend).to_dict()
    assert (told["target"], told["by"]) == ("b", backend)


def test_a_class_may_be_given_by_its_number(bundle, picture, capsys):
    assert execute(["explain", str(bundle), str(picture), "--target", "2", "--samples", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["target"] == "c"


def test_a_keras_model_is_explained_by_its_gradients(keras_file, picture, tmp_path, capsys):
    (tmp_path / "labels.txt").write_text("a\nb\nc\nd\n")
    said = ["--method", "gradcam", "--labels", str(tmp_path / "labels.txt"), "-o", str(tmp_path / "heat.png"), "--json"]
    assert execute(["explain", str(keras_file("sequential")), str(picture), *said]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["method"], told["by"]) == ("gradcam", "re_lu")
    assert told["target"] in "abcd"
    assert cv2.imread(str(tmp_path / "heat.png")).shape[1] >= 480


def test_nothing_is_replaced_unasked(bundle, picture, tmp_path, capsys):
    heat = tmp_path / "heat.png"
    heat.write_bytes(b"kept")
    arguments = ["explain", str(bundle), str(picture), "-o", str(heat), "--samples", "2"]
    assert execute(arguments) == 1
    assert "exists already; replace it with --force" in capsys.readouterr().err
    assert heat.read_bytes() == b"kept"
    assert execute([*arguments, "--force"]) == 0
    assert heat.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("file", "said", "message"),
    [
        ("m.keras", [], "m.keras is a Keras model, whose gradients explain it: --method gradcam"),
        ("m.tflite", ["--method", "gradcam"], "gradcam needs a Keras model, .keras or .h5, and m.tflite is none"),
        ("m.tflite", ["--method", "occlusion", "--samples", "9"], "--samples is for --method rise, not for occlusion"),
        ("m.keras", ["--method", "gradcam", "--which", "2"], "--grid and --which are for --method rise and occlusion"),
        ("m.tflite", ["--layer", "conv"], "--layer is for --method gradcam, not for rise"),
    ],
)
def test_options_that_go_with_another_method_are_refused(file, said, message, capsys):
    assert execute(["explain", file, "p.png", *said]) == 2
    assert message in capsys.readouterr().err


def test_what_is_not_there_is_an_error_in_one_line(bundle, picture, tmp_path, capsys):
    assert execute(["explain", str(bundle), str(tmp_path / "none.png")]) == 1
    assert execute(["explain", str(bundle), str(picture), "--target", "e"]) == 1
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 2
    assert "lepton-edge: there is no class 'e'" in err[1]
