"""convert(logits=True): the softmax or sigmoid that a classifier ends in is left to the runtime's decoder."""

import json
from types import SimpleNamespace

import keras_models
import numpy as np
import pytest

import lepton_edge as le
from lepton_edge_converters.artefacts import Artefact
from lepton_edge_converters.details.disagreements import find_disagreements
from lepton_edge_converters.errors import LoadError, LockMismatchError
from lepton_edge_converters.gates.judge import judge
from lepton_edge_converters.lock import read_lock
from lepton_edge_runtime.bundle import Bundle
from lepton_edge_runtime.card import Card, OutputCard
from lepton_edge_runtime.tensors import TensorSpec, dequantize

PICTURES, CLASSES = keras_models.patterns(200, seed=7)
ENGINES = pytest.mark.parametrize("engine", ["tflite", "onnx"])


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.lepton"


@pytest.fixture(scope="module")
def cut(keras_file, tmp_path_factory):
    """The pattern reader of the fixture ``converted``, its softmax left out: bundle and report."""
    path = tmp_path_factory.mktemp("bundle") / "cut.lepton"
    labels = ["a", "b", "c", "d"]
    return path, le.convert(keras_file("sequential"), path, data=(PICTURES, CLASSES), labels=labels, logits=True)


def keras_logits(model, samples):
    """Return what the last layer of a Keras Sequential, a Dense, makes before its activation."""
    last, shown = model.layers[-1], samples
    for layer in model.layers[:-1]:
        shown = layer(shown)
    return np.asarray(shown @ last.kernel + last.bias)


def real_answers(path, engine, samples):
    """Return what a bundle's file makes of model-ready samples, as real numbers."""
    with le.open_model(path, backend=engine) as model:
        found = [model.run((one[np.newaxis],))[0] for one in samples]
        return dequantize(np.concatenate(found), model.card.outputs[0].tensor)


def softmax(logits):
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@ENGINES
def test_float_files_answer_keras_own_logits(keras_file, out, engine):
    import keras

    path = keras_file("sequential")
    le.convert(path, out, data=(PICTURES, CLASSES), recipe="float32", logits=True)
    shown = PICTURES[:20].astype(np.float32)
    expected = keras_logits(keras.models.load_model(path), shown)
    # Two ways to add up a few hundred products in float32.
    np.testing.assert_allclose(real_answers(out, engine, shown), expected, atol=1e-4 * np.abs(expected).max())


@ENGINES
def test_the_scores_behind_int8_logits_are_those_of_the_uncut_file_within_its_steps(cut, bundle, engine):
    shares = real_answers(bundle, engine, PICTURES)
    logits = real_answers(cut[0], engine, PICTURES)
    # The uncut file's softmax is made of these very logits, and stored in steps of 1/256.
    np.testing.assert_allclose(softmax(logits), shares, atol=1.5 / 256)
    assert len(np.unique(logits)) > 2 * len(np.unique(shares[shares < 0.5]))


def test_the_decoder_gives_scores(cut, pictures):
    with le.open_model(cut[0]) as model:
        assert model.card.outputs[0].activation == "logits"
        best = model(pictures[0][0][..., ::-1].copy())
        (stored,) = model.run((pictures[0][:1],))
    expected = softmax(dequantize(stored, model.card.outputs[0].tensor))[0]
    np.testing.assert_allclose(sorted(best.score), sorted(expected)[-len(best) :], atol=1e-6)
    assert best.top.label == "abcd"[pictures[1][0]]


def test_the_report_compares_scores_with_scores(cut, converted):
    ours, whole = cut[1], converted[1]
    for title in ("TFLite int8", "ONNX int8"):
        assert ours.row(title).agreement.value >= whole.row(title).agreement.value - 0.02
        assert ours.row(title).cosine > 0.99
        # The same logits without a rounding more: logits beside shares would be some 0 dB alike.
        assert ours.row(title).sqnr_db > whole.row(title).sqnr_db - 1
    assert ours.row("original").accuracy == whole.row("original").accuracy
    assert ours.row("TFLite float32").size_bytes < whole.row("TFLite float32").size_bytes
    assert any("the files end in logits: the softmax of 'classes' is left to" in one for one in ours.warnings)


def judged(logits, reference, left_out="softmax"):
    """Return a plan, and the judgement of a file that answers logits of two classes."""
    end = OutputCard(TensorSpec(name="y", dtype="float32", shape=(1, 2)), "logits")
    card = Card(name="made up", task="classify", inputs=(), outputs=(end,))
    artefact = Artefact("ONNX int8", "onnx", path=None, card=card, route="made up", left_out=left_out)
    plan = SimpleNamespace(
        reference=[reference], judged=SimpleNamespace(targets=None, names=("1.jpg", "2.jpg"), paths=()), preprocess=()
    )
    return plan, judge(artefact, [logits], [reference], None)


def test_logits_are_judged_behind_the_activation():
    logits = np.array([[3, -1], [-2, 0.5]], np.float32)
    _, found = judged(logits, softmax(logits))
    assert found.agreement.value == 1
    assert found.likeness.sqnr_db > 100
    np.testing.assert_allclose(found.outputs[0], softmax(logits), atol=1e-7)


def test_samples_answered_otherwise_show_the_originals_own_scores():
    reference = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
    plan, found = judged(np.array([[-1, 1], [-2, 2]], np.float32), reference)
    (shown,) = find_disagreements(plan, [found], images=False).shown
    assert shown.name == "1.jpg"
    assert shown.original.score == pytest.approx(0.9)
    assert shown.answers["ONNX int8"].score == pytest.approx(1 / (1 + np.exp(-2)))


def test_numbers_that_are_none_stay_so_behind_the_activation():
    _, found = judged(np.array([[np.nan, 0], [np.inf, 0]], np.float32), np.full((2, 2), 0.5, np.float32))
    assert not np.isfinite(found.outputs[0]).any()


@ENGINES
def test_one_sigmoid_becomes_one_logit(keras_file, out, engine):
    report = le.convert(keras_file("binary"), out, data=(PICTURES, CLASSES > 1), logits=True)
    assert Bundle(out).card.outputs[0].activation == "logits"
    assert report.row("TFLite int8").accuracy.value > 0.9
    import keras

    model = keras.models.load_model(keras_file("binary"))
    with le.open_model(out, backend=engine) as opened:
        for one in PICTURES[:10]:
            share = float(np.asarray(model(one[np.newaxis].astype(np.float32)))[0, 0])
            result = opened(one[..., ::-1].copy())
            assert sorted(result.score) == pytest.approx(sorted([share, 1 - share]), abs=0.05)


def test_several_sigmoids_stay_independent(keras_file, out):
    numbers = keras_models.traits(160, seed=3)[0]
    report = le.convert(keras_file("several"), out, data=numbers, task="classify", recipe="float32", logits=True)
    assert report.row("ONNX float32").sqnr_db > 60
    import keras

    shares = np.asarray(keras.models.load_model(keras_file("several"))(numbers[:5]))
    with le.open_model(out, min_score=0.5) as model:
        assert model.card.outputs[0].activation == "sigmoid-logits"
        for one, expected in zip(numbers[:5], shares, strict=True):
            found = model(one[np.newaxis])
            assert sorted(found.index) == np.flatnonzero(expected >= 0.5).tolist()
            np.testing.assert_allclose(found.score, expected[found.index], atol=1e-5)


@pytest.mark.parametrize("kind", ["nested", "lstm", "subclassed"])
def test_whatever_makes_the_softmax_it_is_found(keras_file, out, kind):
    data = keras_models.texts(120, seed=2) if kind == "lstm" else (PICTURES, CLASSES)
    model = keras_models.build(kind) if kind == "subclassed" else keras_file(kind)
    preprocess = le.Preprocess(range=(0, 255)) if kind == "subclassed" else None
    report = le.convert(model, out, data=data, preprocess=preprocess, logits=True)
    assert Bundle(out).card.outputs[0].activation == "logits"
    assert report.row("TFLite int8").accuracy.value > 0.9
    assert report.row("ONNX int8").accuracy.value > 0.9


def test_a_savedmodel_and_a_layer_of_its_own(worker, out, tmp_path):
    folder = tmp_path / "exported"
    worker.call("keras_models:export_softmax_layer", folder)
    report = le.convert(folder, out, data=keras_models.clusters(90), recipe="float32", logits=True, formats=["tflite"])
    assert Bundle(out).card.outputs[0].activation == "logits"
    assert report.row("TFLite float32").sqnr_db > 60


def test_a_keras_2_file(worker, out, tmp_path):
    path = tmp_path / "teachable.h5"
    worker.call("keras_models:save_keras2", path)
    preprocess = le.Preprocess(range=(-1, 1))
    report = le.convert(path, out, data=(PICTURES, CLASSES), preprocess=preprocess, logits=True, formats=["tflite"])
    assert Bundle(out).card.outputs[0].activation == "logits"
    assert report.row("TFLite int8").agreement.value > 0.9


def test_a_free_batch_answers_each_sample_as_alone(keras_file, out):
    report = le.convert(keras_file("sequential"), out, data=(PICTURES, CLASSES), logits=True, batch="dynamic")
    gates = {gate.name: gate.passed for gate in report.gates}
    assert gates["ONNX int8 batch of 3"]
    assert gates["TFLite int8 batch of 3"]


@pytest.mark.parametrize(
    ("kind", "data", "task", "why"),
    [
        ("logits", keras_models.clusters(60), None, "the output '.*' is logits already: there is no softmax"),
        ("one_number", keras_models.rising(60), None, "logits are for classifiers, .* the task is 'raw'"),
        ("many_outputs", PICTURES, None, "logits are for classifiers, .* the task is 'raw'"),
        (
            "halved",
            keras_models.clusters(60)[0],
            None,
            r"are those of a softmax, and what makes them is AddV2 \(.*halved",
        ),
    ],
)
def test_without_an_end_to_leave_out_it_is_refused(keras_file, out, kind, data, task, why):
    with pytest.raises(LoadError, match=why):
        le.convert(keras_file(kind), out, data=data, task=task, recipe="float32", logits=True)
    assert not out.exists()


def test_the_lock_makes_the_same_bundle_and_names_another_end(keras_file, out, tmp_path):
    model, data = keras_file("sequential"), (PICTURES, CLASSES)
    le.convert(model, out, data=data, logits=True, cache=tmp_path / "cache")
    first = out.read_bytes()
    assert read_lock(out).recipe.logits
    assert json.loads(bytes(Bundle(out).manifest.recipe))["logits"] is True
    report = le.convert(model, out, data=data, locked=True, force=True, cache=tmp_path / "cache")
    assert out.read_bytes() == first
    assert set(report.stages.carried_out) <= {"artefacts:time_artefacts"}  # a disturbed one is not kept
    with pytest.raises(LockMismatchError, match=r"recipe.logits is False \(locked: True\)"):
        le.convert(model, out, data=data, logits=False, locked=True, force=True)
    uncut = le.convert(model, out, data=data, force=True, cache=tmp_path / "cache")
    assert "load.opened:trace_file" in uncut.stages.carried_out
    assert "load.opened:predict_file" in uncut.stages.reused
    assert Bundle(out).card.outputs[0].activation == "softmax"


def test_a_sparse_model_learns_shares_and_ships_logits(keras_file, out):
    report = le.convert(keras_file("sequential"), out, data=(PICTURES, CLASSES), zeros=0.5, logits=True)
    assert Bundle(out).card.outputs[0].activation == "logits"
    assert report.row("TFLite int8").agreement.value > 0.8


def test_training_for_8_bits_knows_the_logits(keras_file, out):
    report = le.convert(keras_file("sequential"), out, data=(PICTURES, CLASSES), qat=True, logits=True)
    assert report.row("TFLite int8").agreement.value > 0.9
