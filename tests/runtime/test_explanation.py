"""Heat lies where the answer comes from: models that rest on one rectangle, and on nothing else."""

import json

import cv2
import numpy as np
import pytest
import region_models
from region_models import HEIGHT, OTHER, PLACE, SIDE, WIDTH

import lepton_edge as le
from lepton_edge_runtime.errors import InputError, OutputError
from lepton_edge_runtime.explanation.heat import Hider, measure
from lepton_edge_runtime.explanation.masks import count_patches, random_masks, sliding_patches
from lepton_edge_runtime.heads import YoloEndToEnd

PICTURE = region_models.picture()
COUNT = {"rise": 400, "occlusion": None}
BYTES = le.Preprocess(color="rgb", range=(0, 1))
FILES = {
    "tflite": lambda rows: ("m.tflite", region_models.tflite(rows)),
    "tflite-uint8": lambda rows: ("m.tflite", region_models.tflite(rows, dtype="uint8", quant=(1 / 255, 0))),
    "onnx": lambda rows: ("m.onnx", region_models.onnx(rows)),
}


@pytest.fixture(params=FILES)
def classifier(request, tmp_path):
    """Return a function: an opened classifier, class 1 by one rectangle, for a way to resize."""
    name, content = FILES[request.param](4 * region_models.weights())
    (tmp_path / name).write_bytes(content)
    opened = []

    def open_(resize="stretch"):
        preprocess = le.Preprocess(color="rgb", range=(0, 1), resize=resize, crop_fraction=1.0)
        opened.append(le.open_model(tmp_path / name, labels=("no", "yes"), preprocess=preprocess, task="classify"))
        return opened[-1]

    yield open_
    for one in opened:
        one.close()


@pytest.fixture
def steady(tmp_path):
    """An opened classifier."""
    (tmp_path / "m.onnx").write_bytes(region_models.onnx(4 * region_models.weights()))
    with le.open_model(tmp_path / "m.onnx", labels=("no", "yes"), preprocess=BYTES, task="classify") as model:
        yield model


def in_picture(resize, place=PLACE):
    """Left, top, right, bottom of a rectangle of the input, in pixels of the picture; worked out by hand."""
    rows, columns = place
    x, y = np.array([columns.start, columns.stop]), np.array([rows.start, rows.stop])
    if resize == "stretch":
        x, y = x * WIDTH / SIDE, y * HEIGHT / SIDE
    elif resize == "crop":  # 40 × 40 in the middle, from column 10
        x, y = 10 + x * HEIGHT / SIDE, y * HEIGHT / SIDE
    else:  # 32 × 21 in the middle, from row 5
        x, y = x * WIDTH / SIDE, (y - 5) * HEIGHT / 21
    return x[0], y[0], x[1], y[1]


def check_heat(explanation, box):
    """The heat's peak and weight lie in the box, and elsewhere it is cold."""
    left, top, right, bottom = box
    x, y = explanation.peak
    assert left <= x <= right
    assert top <= y <= bottom
    heat = explanation.at_picture()
    inside = np.zeros(heat.shape, bool)
    inside[round(top) : round(bottom), round(left) : round(right)] = True
    far = ~cv2.dilate(inside.astype(np.uint8), np.ones((25, 25))).astype(bool) & ~np.isnan(heat)
    assert far.sum() > 100
    assert heat[inside].mean() > 6 * np.abs(heat[far]).mean()


@pytest.mark.parametrize("method", ["rise", "occlusion"])
@pytest.mark.parametrize("resize", ["stretch", "crop", "letterbox"])
def test_heat_lies_where_the_answer_comes_from(classifier, resize, method):
    explanation = le.explain(classifier(resize), PICTURE, target="yes", method=method, samples=COUNT[method])
    check_heat(explanation, in_picture(resize))
    assert explanation.size == (WIDTH, HEIGHT)
    assert (explanation.target, explanation.class_id, explanation.found) == ("yes", 1, None)


def test_the_other_class_is_its_negative(steady):
    yes, no = (le.explain(steady, PICTURE, target=target, samples=50) for target in ("yes", 0))
    np.testing.assert_allclose(yes.heat, -no.heat, atol=1e-6)
    assert (no.target, yes.score) == ("no", pytest.approx(1 - no.score))


def test_the_surest_class_is_explained_if_none_is_named(steady):
    explanation = le.explain(steady, PICTURE, samples=4)
    assert explanation.target == steady(PICTURE).top.label == "yes"
    assert explanation.score == pytest.approx(steady(PICTURE).top.score)


def test_what_a_crop_cuts_off_has_no_heat(classifier):
    heat = le.explain(classifier("crop"), PICTURE, method="occlusion").at_picture()
    assert np.isnan(heat[:, :10]).all()
    assert np.isnan(heat[:, 50:]).all()
    assert not np.isnan(heat[:, 10:50]).any()


@pytest.mark.parametrize("method", ["rise", "occlusion"])
def test_an_embedding_rests_on_what_turns_it(tmp_path, method):
    rows = np.concatenate([region_models.weights(outputs=1, output=0), np.zeros((1, SIDE * SIDE * 3), np.float32)])
    rows[1, 0] = 1e-3  # else all vectors would point the same way
    turned = region_models.weights(outputs=1, output=0).reshape(SIDE, SIDE, 3).copy()
    turned[..., 1:] = 0
    rows[1] += turned.reshape(-1)
    (tmp_path / "m.tflite").write_bytes(region_models.tflite(rows, softmax=False))
    picture = PICTURE.copy()
    top, bottom = (round(row * HEIGHT / SIDE) for row in (PLACE[0].start, PLACE[0].stop))
    left, right = (round(column * WIDTH / SIDE) for column in (PLACE[1].start, PLACE[1].stop))
    picture[top:bottom, left:right] = (0, 0, 255)
    with le.open_model(tmp_path / "m.tflite", preprocess=BYTES, task="embed") as model:
        explanation = le.explain(model, picture, method=method, samples=COUNT[method])
        check_heat(explanation, in_picture("stretch"))
        assert (explanation.target, explanation.score) == ("embedding", pytest.approx(1))
        with pytest.raises(InputError, match="an embedding has no classes"):
            le.explain(model, picture, target="yes")


@pytest.fixture
def finder(tmp_path):
    """Two boxes of one class; the surer one rests on the bright left, the other on what lies in the right half."""
    boxes = [((4, 8, 14, 18), PLACE), ((18, 14, 30, 26), OTHER)]
    (tmp_path / "finder.onnx").write_bytes(region_models.finder(boxes))
    said = le.Description(head=YoloEndToEnd(), labels=("ant", "bee"), preprocess=BYTES)
    with le.open_model(tmp_path / "finder.onnx", description=said) as model:
        yield model


@pytest.mark.parametrize("method", ["rise", "occlusion"])
@pytest.mark.parametrize(("which", "place"), [(1, PLACE), (2, OTHER)])
def test_each_box_rests_on_its_own_place(finder, which, place, method):
    picture = PICTURE.copy()
    picture[20:30, 37:53] = 200
    explanation = le.explain(finder, picture, target="ant", which=which, method=method, grid=7, samples=COUNT[method])
    check_heat(explanation, in_picture("stretch", place))
    assert explanation.found == pytest.approx(finder(picture).xyxy[which - 1].tolist(), abs=1e-3)


def test_a_box_that_is_not_there_is_told(finder):
    with pytest.raises(InputError, match="there is no box of 'bee' number 1 in this picture: 0 found; in all: ant"):
        le.explain(finder, PICTURE, target="bee")
    with pytest.raises(InputError, match="there is no box number 3"):
        le.explain(finder, PICTURE, which=3)
    with pytest.raises(InputError, match="there is no class 'ent'.*did you mean 'ant'"):
        le.explain(finder, PICTURE, target="ent")


def test_a_seed_gives_one_map_and_another_seed_another(steady):
    first, again, other = (le.explain(steady, PICTURE, samples=40, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.heat, again.heat)
    assert np.abs(first.heat - other.heat).max() > 0


def test_both_backends_give_the_same_map(tmp_path):
    rows = 4 * region_models.weights()
    (tmp_path / "m.onnx").write_bytes(region_models.onnx(rows))
    (tmp_path / "m.tflite").write_bytes(region_models.tflite(rows))
    heat = []
    for name in ("m.onnx", "m.tflite"):
        with le.open_model(tmp_path / name, preprocess=BYTES, task="classify") as model:
            heat.append(le.explain(model, PICTURE, samples=100).heat)
    np.testing.assert_allclose(*heat, atol=1e-5)


def test_a_path_is_opened_and_progress_told(tmp_path):
    (tmp_path / "m.onnx").write_bytes(region_models.onnx(region_models.weights()))
    (tmp_path / "m.toml").write_text('task = "classify"\npreprocess = { range = [0, 1] }\n')
    cv2.imwrite(str(tmp_path / "p.png"), PICTURE)
    told = []
    explanation = le.explain(
        tmp_path / "m.onnx", tmp_path / "p.png", samples=5, backend="onnx", progress=lambda *one: told.append(one)
    )
    assert (explanation.runs, explanation.by) == (6, "onnx")
    assert [one[1:] for one in told] == [(i, 5) for i in range(1, 6)]


class TestMasks:
    def test_they_are_as_rise_says(self):
        masks = np.stack(list(random_masks(30, 50, grid=5, count=2000, seed=0)))
        assert masks.shape == (2000, 30, 50)
        assert (masks.min(), masks.max()) == (0, 1)
        # Every place is shown half of the time: three standard errors of 2,000 draws.
        np.testing.assert_allclose(masks.mean(axis=0), 0.5, atol=3 * 0.5 / np.sqrt(2000) * 1.4)
        far = np.corrcoef(masks[:, 0, 0], masks[:, 29, 49])[0, 1]
        near = np.corrcoef(masks[:, 10, 10], masks[:, 10, 11])[0, 1]
        assert abs(far) < 0.1
        assert near > 0.9

    @pytest.mark.parametrize(("height", "width", "grid"), [(24, 24, 7), (17, 50, 4), (3, 3, 9), (64, 32, 2)])
    def test_patches_miss_no_place(self, height, width, grid):
        masks = np.stack(list(sliding_patches(height, width, grid=grid)))
        assert len(masks) == count_patches(height, width, grid=grid)
        assert ((masks == 0).sum(axis=0) >= 1).all()
        assert len({int((1 - one).sum()) for one in masks}) == 1

    def test_what_is_hidden_is_the_mean_and_bars_stay(self):
        pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        pixels[:2] = 114
        hider = Hider(pixels, (slice(2, 8), slice(0, 8)))
        hidden = hider(np.zeros((6, 8), np.float32))
        np.testing.assert_array_equal(hidden[:2], 114)
        np.testing.assert_array_equal(np.unique(hidden[2:].reshape(-1, 3), axis=0), [np.rint(pixels[2:].mean((0, 1)))])
        np.testing.assert_array_equal(hider(np.ones((6, 8), np.float32)), pixels)

    def test_heat_is_what_a_place_is_worth(self):
        """A score that is the sum of what is shown of two pixels: each is worth its own number."""
        pixels = np.zeros((6, 6, 1), np.uint8)
        pixels[1, 1], pixels[4, 4] = 200, 100
        masks = list(np.random.default_rng(0).integers(0, 2, (4000, 6, 6)).astype(np.float32))
        hider = Hider(pixels, (slice(0, 6), slice(0, 6)))
        heat = measure(hider, masks, lambda shown: float(shown[1, 1, 0]) + float(shown[4, 4, 0]))
        mean = np.rint(300 / 36)
        expected = np.zeros((6, 6))
        expected[1, 1], expected[4, 4] = 200 - mean, 100 - mean
        np.testing.assert_allclose(heat, expected, atol=15)  # chance: the other pixel's hundred over √4000, 4 times


class TestDrawing:
    def test_the_hot_place_is_bright_and_the_cold_dark(self, steady):
        flat = np.full_like(PICTURE, 128)
        explanation = le.explain(steady, PICTURE, method="occlusion")
        drawn = explanation.draw(flat)
        times = 480 // WIDTH
        assert drawn.shape[1] == WIDTH * times
        assert drawn.shape[0] > HEIGHT * times  # the legend
        x, y = (round(place * times) for place in explanation.peak)
        assert drawn[y, x].sum() > 2 * drawn[HEIGHT * times - 4, WIDTH * times - 4].sum()

    def test_what_the_model_was_not_shown_is_gray(self, classifier):
        drawn = le.explain(classifier("crop"), PICTURE, method="occlusion").draw(PICTURE)
        unseen = drawn[: 8 * HEIGHT, : 8 * 9]
        assert (unseen == unseen[..., :1]).all()

    def test_gray_pictures_and_large_ones_are_drawn(self, steady):
        gray = np.random.default_rng(0).integers(0, 256, (300, 700), dtype=np.uint8)
        drawn = le.explain(steady, gray, samples=4).draw(gray)
        assert drawn.shape[1:] == (700, 3)

    @pytest.mark.parametrize("size", [(3000, 1), (1, 1), (1, 3000)])
    def test_a_thin_picture_is_no_tower_of_pixels(self, steady, size):
        thin = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
        drawn = le.explain(steady, thin, samples=4).draw(thin)
        assert drawn.shape[1] >= 480
        assert drawn.shape[0] <= 3000 + 400

    def test_another_picture_is_refused(self, steady):
        explanation = le.explain(steady, PICTURE, samples=4)
        with pytest.raises(InputError, match="a picture of 60×40 pixels was explained, not one of 40×60"):
            explanation.draw(PICTURE.transpose(1, 0, 2))

    def test_it_is_saved_once(self, steady, tmp_path):
        explanation = le.explain(steady, PICTURE, samples=4)
        explanation.save(tmp_path / "heat.png", PICTURE)
        np.testing.assert_array_equal(cv2.imread(str(tmp_path / "heat.png")), explanation.draw(PICTURE))
        with pytest.raises(OutputError, match="exists already"):
            explanation.save(tmp_path / "heat.png", PICTURE)
        explanation.save(tmp_path / "heat.png", PICTURE, force=True)
        with pytest.raises(OutputError, match=r"write one that ends in .png or .jpg"):
            explanation.save(tmp_path / "heat.txt", PICTURE)

    def test_a_map_without_heat_is_drawn_too(self, tmp_path):
        (tmp_path / "m.onnx").write_bytes(region_models.onnx(np.zeros((2, SIDE * SIDE * 3), np.float32)))
        with le.open_model(tmp_path / "m.onnx", preprocess=BYTES, task="classify") as model:
            explanation = le.explain(model, PICTURE, samples=4)
            assert np.abs(explanation.heat).max() < 1e-6  # though some places were never hidden
            assert explanation.draw(PICTURE).dtype == np.uint8


def test_what_json_has(steady):
    told = le.explain(steady, PICTURE, method="occlusion").to_dict()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert (told["method"], told["target"], told["class_id"], told["by"]) == ("occlusion", "yes", 1, "onnx")
    assert np.shape(told["heat"]) == (28, 28)
    assert told["runs"] == count_patches(SIDE, SIDE, grid=7) + 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("said", "message"),
        [
            ({"method": "lime"}, "no method 'lime' for a deployed file"),
            ({"samples": 1}, "samples is for the random masks of rise, 2 or more"),
            ({"samples": 9, "method": "occlusion"}, "not 9 of occlusion"),
            ({"grid": 1}, "grid is 2 or more"),
        ],
    )
    def test_numbers_that_hide_nothing(self, steady, said, message):
        with pytest.raises(ValueError, match=message):
            le.explain(steady, PICTURE, **said)

    @pytest.mark.parametrize(
        ("said", "message"),
        [
            ({"target": "maybe"}, "there is no class 'maybe'"),
            ({"target": "2"}, "there is no class 2; there are 0 to 1"),
            ({"target": 2}, "there is no class 2; there are 0 to 1"),
            ({"which": 2}, "which is for boxes, and the task is 'classify'"),
        ],
    )
    def test_targets_that_there_are_not(self, steady, said, message):
        with pytest.raises(InputError, match=message):
            le.explain(steady, PICTURE, **said)

    def test_a_task_without_a_score(self, tmp_path):
        (tmp_path / "m.onnx").write_bytes(region_models.onnx(region_models.weights()))
        with (
            le.open_model(tmp_path / "m.onnx", preprocess=BYTES, task="raw") as model,
            pytest.raises(InputError, match="no score to explain of the task 'raw'; there is of: classify"),
        ):
            le.explain(model, PICTURE)

    def test_a_model_without_pictures(self, tmp_path):
        import small_models

        (tmp_path / "m.onnx").write_bytes(small_models.onnx_model().SerializeToString())
        with (
            le.open_model(tmp_path / "m.onnx", task="classify") as model,
            pytest.raises(InputError, match="only models of one input, which takes pictures"),
        ):
            le.explain(model, PICTURE)

    def test_clips_are_no_single_picture(self, tmp_path):
        import small_models

        tensors = [small_models.Tensor("clip", (1, 3, 4, 4, 1)), small_models.Tensor("scores", (1, 3, 4, 4, 1))]
        file = small_models.TfliteFile(tensors, [("RELU", ["clip"], ["scores"])], ("clip",), ("scores",))
        (tmp_path / "m.tflite").write_bytes(file.build())
        said = le.Description(clip=le.Clip(), preprocess=le.Preprocess(range=(0, 1)), task="raw")
        with (
            le.open_model(tmp_path / "m.tflite", description=said) as model,
            pytest.raises(InputError, match="the model takes clips of 3 pictures in a row, and it is places of single"),
        ):
            le.explain(model, PICTURE)

    def test_answers_that_are_no_numbers(self, tmp_path):
        bias = np.array([0, np.nan], np.float32)
        (tmp_path / "m.onnx").write_bytes(region_models.onnx(region_models.weights(), bias=bias))
        with (
            le.open_model(tmp_path / "m.onnx", preprocess=BYTES, task="classify") as model,
            pytest.raises(InputError, match="the model answers nan to the picture: there is no score to explain"),
        ):
            le.explain(model, PICTURE)

    def test_tensors_that_are_not_the_model_s(self, steady):
        with pytest.raises(InputError, match="the input tensors are picture float32 1×3×32×32"):
            steady.run((np.zeros((1, 3), np.float32),))


def test_the_engine_answers_what_it_is_given(steady):
    (row,) = steady.run(steady.tensors(PICTURE))
    assert row[0].max() == pytest.approx(steady(PICTURE).top.score)
