import msgspec
import numpy as np
import pytest

from lepton_edge_runtime.errors import PreprocessError
from lepton_edge_runtime.preprocess import PRESET_RANGES, Preprocess
from lepton_edge_runtime.tensors import Quant, TensorSpec

RGB = TensorSpec(name="image", dtype="float32", shape=(1, 20, 30, 3))


def test_size_and_color_come_from_the_model():
    full = Preprocess().completed(RGB)
    assert (full.size, full.color, full.range) == ((30, 20), "rgb", (0.0, 1.0))
    grey = Preprocess().completed(TensorSpec(name="image", dtype="float32", shape=(1, 8, 8, 1)))
    assert grey.color == "gray"


def test_a_card_without_a_place_means_the_middle():
    card = msgspec.json.encode(Preprocess(size=(30, 20), color="rgb", resize="letterbox").completed(RGB))
    told = {key: value for key, value in msgspec.json.decode(card).items() if key != "align"}
    assert msgspec.json.decode(msgspec.json.encode(told), type=Preprocess).completed(RGB).align == "center"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"resize": "letterbox"}, "letterbox, range"),
        ({"resize": "letterbox", "align": "center"}, "letterbox, range"),
        ({"resize": "letterbox", "align": "top-left"}, "letterbox top-left, range"),
        ({"align": "top-left"}, "stretch, range"),
    ],
)
def test_a_letterbox_tells_where_the_picture_lies_if_not_in_the_middle(said, words):
    assert words in Preprocess(**said).completed(RGB).describe()


@pytest.mark.parametrize(
    ("preprocess", "spec", "message"),
    [
        (Preprocess(size=(20, 30)), RGB, "size 20×30 was asked for; the model's input 'image' is 30×20"),
        (Preprocess(color="gray"), RGB, "color 'gray' was asked for; .* has 3 channels"),
        (Preprocess(mean=(1.0, 2.0)), RGB, "mean has 2 numbers for 3 channels"),
        (Preprocess(), TensorSpec(name="x", dtype="float32", shape=(1, 16)), "takes no picture"),
        (Preprocess(layout="nchw"), RGB, "not 1 × 1 or 3 × height × width"),
    ],
)
def test_what_contradicts_the_model_is_refused(preprocess, spec, message):
    with pytest.raises(PreprocessError, match=message):
        preprocess.completed(spec)


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_no_range_is_made_up_for_unscaled_integers(dtype):
    # 0..1 would be written as zeros only.
    spec = TensorSpec(name="image", dtype=dtype, shape=(1, 8, 8, 3))
    with pytest.raises(PreprocessError, match=f"the input 'image' is {dtype} without a scale.*range="):
        Preprocess().completed(spec)
    assert Preprocess(range=(0, 255)).completed(spec).range == (0, 255)
    scaled = TensorSpec(name="image", dtype=dtype, shape=(1, 8, 8, 3), quant=Quant(1 / 255, 0))
    assert Preprocess().completed(scaled).range == (0, 1)


CARDS = Preprocess(color="bgr", range=(0, 255), mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0), layout="nchw")


def test_what_is_left_open_is_the_cards():
    asked = Preprocess(resize="letterbox", pad=0).over(CARDS)
    assert asked == msgspec.structs.replace(CARDS, resize="letterbox", pad=0)


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        ({"range": (-1, 1)}, ((-1, 1), (), ())),
        ({"mean": (9.0, 9.0, 9.0)}, ((0, 255), (9.0, 9.0, 9.0), ())),
        ({"std": (9.0, 9.0, 9.0)}, ((0, 255), (), (9.0, 9.0, 9.0))),
    ],
)
def test_a_scaling_of_ones_own_is_not_mixed_with_the_cards(scaling, expected):
    # A mean is in units of its range: the card's does not go with another one.
    asked = Preprocess(**scaling).over(CARDS)
    assert (asked.range, asked.mean, asked.std) == expected
    assert asked.color == "bgr"


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": (0, 4)},
        {"crop_fraction": 0.0},
        {"crop_fraction": 1.5},
        {"pad": 256},
        {"range": (1.0, 1.0)},
        {"range": (0.0, float("nan"))},
        {"std": (0.0, 1.0, 1.0)},
        {"mean": (float("inf"), 0.0, 0.0)},
    ],
)
def test_values_that_prepare_no_picture_are_refused(wrong):
    with pytest.raises(ValueError, match="not"):
        Preprocess(**wrong)


def test_imagenet_is_the_published_normalization():
    # torchvision: (x / 255 - mean) / std with these constants.
    full = Preprocess(**PRESET_RANGES["imagenet"]).completed(RGB)
    expected = (128 / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(full.levels()[128], expected, rtol=1e-12)


@pytest.mark.parametrize(("preset", "ends"), [("0..1", (0, 1)), ("-1..1", (-1, 1)), ("0..255", (0, 255))])
def test_presets_map_the_ends_of_a_byte_to_the_ends_of_the_range(preset, ends):
    levels = Preprocess(**PRESET_RANGES[preset]).completed(RGB).levels()
    assert (levels[0, 0], levels[255, 0]) == ends


def test_real_numbers_follow_the_layout():
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    full = Preprocess(size=(3, 2), color="rgb", range=(0, 255))
    np.testing.assert_array_equal(full.to_real(pixels), pixels.astype(np.float32))
    planar = Preprocess(size=(3, 2), color="rgb", range=(0, 255), layout="nchw")
    np.testing.assert_array_equal(planar.to_real(pixels), pixels.transpose(2, 0, 1).astype(np.float32))


def test_a_mean_of_another_range_is_refused():
    spec = TensorSpec("picture", "float32", (1, 8, 8, 3))
    with pytest.raises(PreprocessError, match=r"is in units of the range, .*such as range=\(0, 255\)"):
        Preprocess(mean=(127.5,) * 3, std=(127.5,) * 3).completed(spec)
    assert Preprocess(range=(0, 255), mean=(127.5,) * 3, std=(127.5,) * 3).completed(spec).levels()[255, 0] == 1
