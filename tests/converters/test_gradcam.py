"""Grad-CAM beside what can be worked out by hand, and what it looks at if nobody says."""

import subprocess
import sys

import cv2
import gradcam_models
import numpy as np
import pytest
from gradcam_models import SIDE
from model_files import saver

import lepton_edge as le
from lepton_edge_converters.errors import LoadError
from lepton_edge_runtime.errors import InputError

PICTURE = np.ascontiguousarray(gradcam_models.picture()[..., ::-1])  # BGR, as a camera gives it
UNIT = le.Preprocess(range=(0, 1))
NAMES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def file(worker, tmp_path_factory):
    return saver(worker, "gradcam_models:save", tmp_path_factory.mktemp("gradcam"))


def by_hand(weights, index):
    """Class activation map in plain numpy (Zhou et al., CVPR 2016), from 0 to 1 and at the input's size."""
    kernel, bias, rows, _ = weights
    x = gradcam_models.picture().astype(np.float64) / 255
    out = np.zeros((SIDE - 2, SIDE - 2, kernel.shape[-1]))
    for row in range(SIDE - 2):
        for column in range(SIDE - 2):
            out[row, column] = np.tensordot(x[row : row + 3, column : column + 3], kernel, 3) + bias
    heat = np.maximum(np.maximum(out, 0) @ rows[:, index], 0)
    return cv2.resize((heat / (heat.max() or 1)).astype(np.float32), (SIDE, SIDE))


@pytest.mark.parametrize("index", [0, 1, 2])
def test_of_a_plain_net_it_is_the_class_activation_map(worker, file, index):
    weights, scores = worker.call("gradcam_models:weights_of", file("plain"))
    explanation = le.grad_cam(file("plain"), PICTURE, target=NAMES[index], labels=NAMES, preprocess=UNIT)
    np.testing.assert_allclose(explanation.heat, by_hand(weights, index), atol=1e-4)
    assert (explanation.method, explanation.by, explanation.target) == ("gradcam", "seen", NAMES[index])
    assert explanation.score == pytest.approx(scores[index], abs=1e-6)


def test_a_model_that_is_sure_is_explained_too(worker, file):
    weights, scores = worker.call("gradcam_models:weights_of", file("sure"))
    assert scores.max() == 1  # its softmax has no gradient
    explanation = le.grad_cam(file("sure"), PICTURE, preprocess=UNIT)
    assert (explanation.class_id, explanation.target) == (scores.argmax(), str(scores.argmax()))
    np.testing.assert_allclose(explanation.heat, by_hand(weights, int(scores.argmax())), atol=1e-4)


def test_the_last_convolution_of_a_map_is_looked_at_with_what_belongs_to_it(file):
    assert le.grad_cam(file("deep"), PICTURE, preprocess=UNIT).by == "last_swish"


@pytest.mark.parametrize("layer", ["first", "first_relu", "last"])
def test_a_layer_can_be_named_inside_a_nested_model_too(file, layer):
    explanation = le.grad_cam(file("deep"), PICTURE, target=1, layer=layer, preprocess=UNIT)
    assert explanation.by == layer
    assert explanation.heat.shape == (SIDE, SIDE)


def test_two_classes_by_one_number_are_opposites(worker, file):
    weights, _ = worker.call("gradcam_models:weights_of", file("binary"))
    yes, no = (le.grad_cam(file("binary"), PICTURE, target=one, preprocess=UNIT) for one in (1, 0))
    np.testing.assert_allclose(yes.heat, by_hand(weights, 0), atol=1e-4)
    opposite = [weights[0], weights[1], -weights[2], weights[3]]
    np.testing.assert_allclose(no.heat, by_hand(opposite, 0), atol=1e-4)
    assert yes.score == pytest.approx(1 - no.score)


def test_heat_is_put_back_into_the_picture(file):
    wide = cv2.copyMakeBorder(cv2.resize(PICTURE, (24, 24), interpolation=cv2.INTER_NEAREST), 0, 0, 12, 12, 0)
    crop = le.Preprocess(range=(0, 1), resize="crop", crop_fraction=1.0, interpolation="nearest")
    explanation = le.grad_cam(file("plain"), wide, target=0, preprocess=crop)
    alone = le.grad_cam(file("plain"), PICTURE, target=0, preprocess=UNIT)
    np.testing.assert_allclose(explanation.heat, alone.heat, atol=1e-6)
    assert (explanation.box, explanation.size) == ((12, 0, 36, 24), (48, 24))


@pytest.mark.parametrize(
    ("kind", "said", "message"),
    [
        ("dense", {}, "the model has no convolution to look at; name a layer: none"),
        ("deep", {"layer": "frist"}, "there is no layer 'frist'.*did you mean 'first'.*those that make a map: first"),
        ("deep", {"layer": "scores"}, r"the layer 'scores' makes no map but \(1, 3\)"),
        ("deep", {"layer": "gate"}, r"the layer 'gate' makes no map but \(1, 1, 1, 6\)"),
        ("plain", {"target": 3}, "there is no class 3; there are 0 to 2"),
        ("plain", {"target": "d"}, "there is no class 'd'; the classes have no names here"),
    ],
)
def test_what_cannot_be_explained_says_why(file, kind, said, message):
    with pytest.raises(InputError, match=message):
        le.grad_cam(file(kind), PICTURE, preprocess=UNIT, **said)


def test_whoever_asks_gets_no_tensorflow(file):
    """What the worker hands back is no type of a module that imports it."""
    code = (
        "import sys, lepton_edge as le, numpy as np\n"
        f"le.grad_cam({str(file('plain'))!r}, np.zeros((12, 12, 3), np.uint8))\n"
        "assert not {'tensorflow', 'keras', 'tf_keras'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_a_model_in_memory_is_explained_here(worker, file):
    worker.call("gradcam_models:check_in_memory", file("deep"))


def test_a_bundle_is_no_keras_model(bundle):
    with pytest.raises(LoadError):
        le.grad_cam(bundle, PICTURE)
