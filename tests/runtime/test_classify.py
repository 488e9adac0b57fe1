import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lepton_edge_runtime.card import Card, OutputCard
from lepton_edge_runtime.errors import BundleError
from lepton_edge_runtime.results import Origin, Timing
from lepton_edge_runtime.tasks import Limits, make_decoder
from lepton_edge_runtime.tensors import Quant, TensorSpec

ORIGIN = Origin("test", Timing(0, 0))


def decoder(count, activation="softmax", *, quant=None, dtype="float32", labels=(), top=3):
    output = OutputCard(TensorSpec(name="scores", dtype=dtype, shape=(1, count), quant=quant), activation)
    return make_decoder(Card(name="m", task="classify", inputs=(), outputs=(output,), labels=labels), Limits(top))


@given(st.lists(st.integers(0, 255), min_size=2, max_size=30), st.integers(1, 8), st.booleans())
def test_the_best_classes_are_those_of_a_plain_sort(values, top, signed):
    dtype, offset = ("int8", -128) if signed else ("uint8", 0)
    stored = (np.array(values) + offset).astype(dtype)[None]
    result = decoder(len(values), quant=Quant(1 / 256, offset), dtype=dtype, top=top)([stored], None, ORIGIN)
    expected = sorted(range(len(values)), key=lambda i: (-values[i], i))[:top]
    assert result.index.tolist() == expected
    np.testing.assert_allclose(result.score, [values[i] / 256 for i in expected])


@given(st.lists(st.floats(-50, 50, width=32), min_size=2, max_size=20))
def test_logits_become_probabilities(values):
    logits = np.array([values], np.float32)
    result = decoder(len(values), "logits", top=len(values))([logits], None, ORIGIN)
    wide = np.exp(np.array(values, np.float64) - max(values))
    np.testing.assert_allclose(np.sort(result.score), np.sort(wide / wide.sum()), atol=1e-6)
    assert result.score.sum() == pytest.approx(1, abs=1e-5)


@given(st.lists(st.floats(-50, 50, width=32), min_size=2, max_size=20))
def test_logits_of_independent_classes_become_independent_probabilities(values):
    result = decoder(len(values), "sigmoid-logits", top=len(values))([np.array([values], np.float32)], None, ORIGIN)
    shares = 1 / (1 + np.exp(-np.array(values, np.float64)))
    np.testing.assert_allclose(result.score, shares[result.index], atol=1e-6)
    assert (np.diff(result.score) <= 0).all()


def test_logits_of_independent_classes_are_left_out_below_the_least_score():
    spec = TensorSpec(name="scores", dtype="uint8", shape=(1, 3), quant=Quant(0.1, 10))
    card = Card(name="m", task="classify", inputs=(), outputs=(OutputCard(spec, "sigmoid-logits"),))
    decode = make_decoder(card, Limits(3, 0.5))
    assert decode([np.array([[9, 30, 10]], np.uint8)], None, ORIGIN).index.tolist() == [1, 2]
    assert len(decode([np.array([[0, 0, 0]], np.uint8)], None, ORIGIN)) == 0


def test_stored_logits_are_dequantized_first():
    stored = np.array([[0, 10, 20]], np.uint8)
    result = decoder(3, "logits", quant=Quant(0.1, 10), dtype="uint8")([stored], None, ORIGIN)
    expected = np.exp([1.0, 0.0, -1.0]) / np.exp([1.0, 0.0, -1.0]).sum()
    np.testing.assert_allclose(result.score, expected, rtol=1e-6)
    assert result.index.tolist() == [2, 1, 0]


@pytest.mark.parametrize(("probability", "label"), [(0.8, "dog"), (0.2, "cat")])
def test_one_sigmoid_tells_two_classes(probability, label):
    result = decoder(1, "sigmoid", labels=("cat", "dog"))([np.array([[probability]], np.float32)], None, ORIGIN)
    assert (result.top.label, len(result)) == (label, 2)
    assert result.top.score == pytest.approx(0.8)


def test_without_labels_the_index_is_the_name():
    assert decoder(3)([np.array([[0.1, 0.7, 0.2]], np.float32)], None, ORIGIN).labels == ("1", "2", "0")


def test_a_result_prints_and_becomes_json():
    result = decoder(3, labels=("a", "b", "c"), top=2)([np.array([[0.125, 0.75, 0.125]], np.float32)], None, ORIGIN)
    assert str(result) == "b 0.750  a 0.125"
    assert result.to_dict()["classes"][0] == {"index": 1, "label": "b", "score": 0.75}
    assert [one.label for one in result] == ["b", "a"]


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(BundleError, match="there are 2 labels for 3 classes"):
        decoder(3, labels=("a", "b"))


def test_a_task_that_there_is_not_is_refused_with_the_nearest():
    with pytest.raises(
        BundleError,
        match=r"no task 'clasify'; there are: classify, detect, .* raw \(did you mean 'classify'\?\)",
    ):
        make_decoder(Card(name="m", task="clasify", inputs=(), outputs=()))


def test_raw_gives_real_numbers_by_name():
    specs = [
        TensorSpec(name="a", dtype="int8", shape=(1, 2), quant=Quant(0.5, 1)),
        TensorSpec(name="b", dtype="int32", shape=(1,)),
    ]
    card = Card(name="m", task="raw", inputs=(), outputs=tuple(OutputCard(spec) for spec in specs))
    result = make_decoder(card)([np.array([[1, 3]], np.int8), np.array([7], np.int32)], None, ORIGIN)
    assert result["a"].tolist() == [[0.0, 1.0]]
    assert result.to_dict() == {"tensors": {"a": [[0.0, 1.0]], "b": [7]}}


@pytest.mark.parametrize("logits", [[-1000.0], [1000.0], [1000.0, -1000.0], [np.inf, 0.0], [np.nan, 0.0]], ids=str)
def test_logits_far_from_zero_or_of_no_number_give_no_warning(logits):
    result = decoder(len(logits), "logits")([np.array([logits], np.float32)], None, ORIGIN)
    if np.isfinite(logits).all():
        assert sorted(result.score) == [0, 1]
