"""Whether two files look at the same place: the same file does, one that was damaged does not."""

import json
from dataclasses import replace

import cv2
import keras_models
import numpy as np
import pytest
import region_models
from region_models import OTHER, PLACE, SIDE

import lepton_edge as le
from lepton_edge_converters.artefacts import Artefact
from lepton_edge_converters.details.attention import MASKS, compare_attention
from lepton_edge_converters.details.ranks import mean_correlation, rank_correlation
from lepton_edge_converters.report.page import render_page
from lepton_edge_converters.report.remarks import attention_remark
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_runtime.description import Description
from lepton_edge_runtime.heads import YoloEndToEnd
from lepton_edge_runtime.opening import given_by_user, read_candidate
from lepton_edge_runtime.preprocess import Preprocess

UNIT = Preprocess(size=(SIDE, SIDE), color="rgb", range=(0, 1))


@pytest.fixture
def samples(tmp_path):
    """Four pictures of coarse noise, bright at both places."""
    coarse = np.random.default_rng(0).integers(0, 128, (4, 8, 8, 3), dtype=np.uint8)
    pictures = np.kron(coarse, np.ones((1, 4, 4, 1), np.uint8))
    for rows, columns in (PLACE, OTHER):
        pictures[:, rows, columns] = 250
    np.save(tmp_path / "pictures.npy", pictures)
    return StoredSamples((tmp_path / "pictures.npy",), (UNIT,), names=("a.png", "b.png", "c.png", "d.png"))


@pytest.fixture
def artefact(tmp_path):
    """Return a function: a model file that rests on one place of the picture."""

    def made(title, place, *, backend="tflite", scale=4.0):
        rows = scale * region_models.weights(place)
        path = tmp_path / f"{title}.{backend}"
        path.write_bytes(region_models.tflite(rows) if backend == "tflite" else region_models.onnx(rows))
        card = read_candidate(path, given_by_user(("no", "yes"), UNIT, "classify")).card
        return Artefact(title, backend, path, card, "by hand")

    return made


def test_a_file_looks_where_it_looks_itself(artefact, samples):
    one = artefact("one", PLACE)
    found = compare_attention(one, replace(one, title="again"), samples, [0, 1, 3], images=False)
    assert [(one.sample, one.name, one.label) for one in found.pictures] == [
        (0, "a.png", "yes"), (1, "b.png", "yes"), (3, "d.png", "yes"),
    ]  # fmt: skip
    assert [one.correlation for one in found.pictures] == pytest.approx([1, 1, 1])
    assert (found.correlation.value, found.correlation.low, found.correlation.samples) == (
        pytest.approx(1), pytest.approx(1), 3,
    )  # fmt: skip
    assert (found.artefact, found.reference, found.masks) == ("again", "one", MASKS)


def test_one_that_looks_elsewhere_is_told(artefact, samples):
    found = compare_attention(artefact("one", PLACE), artefact("other", OTHER), samples, [0, 1, 2, 3], images=False)
    assert found.correlation.value < 0.3
    assert found.correlation.low <= found.correlation.value <= found.correlation.high


def test_the_other_engine_looks_at_the_same_place(artefact, samples):
    one, other = artefact("one", PLACE), artefact("other", PLACE, backend="onnx")
    assert compare_attention(one, other, samples, [2], images=False).correlation.value == pytest.approx(1, abs=1e-3)


def test_one_that_looks_nowhere_has_nothing_in_common(artefact, samples):
    blind = artefact("blind", PLACE, scale=0.0)
    found = compare_attention(artefact("one", PLACE), blind, samples, [0, 1], images=False)
    assert [one.correlation for one in found.pictures] == [0, 0]
    nothing = compare_attention(blind, blind, samples, [0], images=False)
    assert np.isnan(nothing.pictures[0].correlation)
    assert nothing.correlation is None
    assert attention_remark(nothing) == "where the files look was not compared: no picture has any heat"


def test_pictures_are_of_heat_and_only_if_wanted(artefact, samples):
    one = artefact("one", PLACE)
    (with_picture,) = compare_attention(one, one, samples, [0], images=True).pictures
    drawn = cv2.imdecode(np.frombuffer(with_picture.reference, np.uint8), cv2.IMREAD_COLOR)
    assert drawn.shape == (SIDE, SIDE, 3)
    assert drawn[PLACE].mean() > 1.5 * drawn[OTHER].mean()
    (without,) = compare_attention(one, one, samples, [0], images=False).pictures
    assert (without.reference, without.converted) == (b"", b"")


def test_detectors_are_asked_about_the_same_box(tmp_path, samples):
    """Though the other file is surer of another one, and finds this one elsewhere."""

    def finder(title, boxes):
        path = tmp_path / f"{title}.onnx"
        path.write_bytes(region_models.finder(boxes))
        said = Description(head=YoloEndToEnd(), labels=("ant",), preprocess=UNIT, task="detect")
        return Artefact(title, "onnx", path, read_candidate(path, said).card, "by hand")

    first, second = ((4, 8, 14, 18), PLACE), ((18, 14, 30, 26), OTHER)
    one, other = finder("one", [first]), finder("other", [((5, 8, 15, 18), PLACE), second])
    found = compare_attention(one, other, samples, [0, 1], images=False)
    assert [picture.label for picture in found.pictures] == ["ant", "ant"]
    assert found.correlation.value > 0.99
    assert compare_attention(one, finder("blind", [second]), samples, [0], images=False).correlation.value == 0
    dark = replace(samples, paths=(tmp_path / "dark.npy",))
    np.save(tmp_path / "dark.npy", np.zeros((2, SIDE, SIDE, 3), np.uint8))
    nothing = compare_attention(one, other, dark, [0, 1], images=False)
    assert (nothing.pictures, nothing.correlation) == ((), None)
    assert attention_remark(nothing) == "where the files look was not compared: nothing was found in these pictures"


class TestRanks:
    def test_they_are_those_of_pandas(self):
        import pandas as pd

        rng = np.random.default_rng(1)
        one = rng.integers(0, 9, (12, 11)).astype(np.float32)  # with ties
        other = one + rng.normal(0, 4, one.shape)
        expected = pd.Series(one.ravel()).rank().corr(pd.Series(other.ravel()).rank())
        assert rank_correlation(one, other) == pytest.approx(expected)
        assert rank_correlation(one, -one) == pytest.approx(-1)
        assert rank_correlation(one, np.exp(one)) == pytest.approx(1)

    def test_the_interval_holds_the_mean_and_shrinks(self):
        rng = np.random.default_rng(2)
        few, many = (mean_correlation(list(rng.uniform(0.6, 1, count))) for count in (5, 200))
        assert few.low < few.value < few.high
        assert few.high - few.low > 2 * (many.high - many.low)
        assert few.metric == "rank correlation of heat"

    def test_one_picture_has_no_interval_and_none_no_mean(self):
        one = mean_correlation([0.5, float("nan")])
        assert (one.value, one.samples) == (0.5, 1)
        assert np.isnan([one.low, one.high]).all()
        assert mean_correlation([float("nan")]) is None


@pytest.fixture(scope="module")
def explained(keras_file, tmp_path_factory):
    path = tmp_path_factory.mktemp("explained") / "patterns.lepton"
    return le.convert(
        keras_file("sequential"), path, data=keras_models.patterns(80, seed=7), formats=["tflite"], explain=3
    )


def test_a_conversion_says_whether_int8_looks_where_float_does(explained):
    attention = explained.attention
    assert (attention.artefact, attention.reference) == ("TFLite int8", "TFLite float32")
    assert [one.sample for one in attention.pictures] == [0, 11, 23]
    assert attention.correlation.value > 0.9
    assert all(one.reference.startswith(b"\x89PNG") for one in attention.pictures)


def test_the_page_shows_pairs_and_the_json_numbers(explained):
    page = explained.file("html").read_text(encoding="utf-8")
    assert "<h2>Where they look</h2>" in page
    section = page[page.index("<h2>Where they look</h2>") : page.index("<h2>How it was measured</h2>")]
    assert section.count("<img src=") == 6
    told = json.loads(explained.file("json").read_text(encoding="utf-8"))["attention"]
    assert told["correlation"]["samples"] == len(told["pictures"]) == 3
    assert set(told["pictures"][0]) == {"sample", "name", "label", "correlation"}
    bare = replace(explained.attention, pictures=tuple(
        replace(one, reference=b"", converted=b"") for one in explained.attention.pictures
    ))  # fmt: skip
    page = render_page(replace(explained, attention=bare))
    section = page[page.index("<h2>Where they look</h2>") : page.index("<h2>How it was measured</h2>")]
    assert "<img" not in section
    assert "Float left" not in section


def test_it_is_not_asked_for_by_default(converted):
    assert converted[1].attention is None
    assert "Where they look" not in converted[1].file("html").read_text(encoding="utf-8")


def test_a_file_without_a_float_one_beside_it_says_so(keras_file, tmp_path):
    report = le.convert(
        keras_file("sequential"), tmp_path / "m.lepton", recipe="float32", formats=["tflite"], explain=2
    )
    assert report.attention.note == "TFLite float32 has no float file beside it to be compared with"
    assert "It was not compared. TFLite float32 has no float file" in render_page(report)


def test_a_number_below_zero_is_refused(tmp_path):
    with pytest.raises(ValueError, match="explain is a number of pictures, 0 or more, not -1"):
        le.convert("m.keras", tmp_path / "m.lepton", explain=-1)
