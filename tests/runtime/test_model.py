import logging
import os
import threading

import cv2
import msgspec
import numpy as np
import pytest
import small_models

import lepton_edge as le
from lepton_edge_runtime import choice as choice_module
from lepton_edge_runtime.bundle import Bundle, write_bundle
from lepton_edge_runtime.card import decode_card, encode_card
from lepton_edge_runtime.errors import (
    BackendError,
    BundleError,
    GoldenMismatchError,
    InputError,
    LeptonError,
    ModelFileError,
    PreprocessError,
)
from lepton_edge_runtime.formats.onnx import read_onnx
from lepton_edge_runtime.formats.tflite import read_tflite
from lepton_edge_runtime.labels import read_labels
from lepton_edge_runtime.tensors import Quant


@pytest.fixture(params=["tflite", "onnx"])
def model(request, bundle):
    with le.open_model(bundle, backend=request.param) as opened:
        yield opened


def bgr(picture):
    return np.ascontiguousarray(picture[..., ::-1])


def test_it_reads_pictures_it_has_never_seen(model, pictures):
    read = [model(bgr(picture)).top.index for picture in pictures[0]]
    assert np.mean(np.array(read) == pictures[1]) > 0.9


def test_the_result_says_label_score_engine_and_time(model, pictures):
    result = model(bgr(pictures[0][0]))
    assert result.top.label == "abcd"[pictures[1][0]]
    assert 0 < result.top.score <= 1
    assert result.origin.backend == model.choice.backend
    assert result.origin.timing.inference_ms > 0


def test_a_path_a_frame_and_a_tensor_of_one_picture_agree(model, pictures, tmp_path):
    cv2.imwrite(str(tmp_path / "p.png"), bgr(pictures[0][0]))
    by_path = model(tmp_path / "p.png")
    by_frame = model(bgr(pictures[0][0]))
    by_tensor = model(pictures[0][0].astype(np.float32))
    by_name = model({"picture": bgr(pictures[0][0])})
    for other in (by_frame, by_tensor, by_name):
        np.testing.assert_array_equal(other.score, by_path.score)


def test_results_own_their_arrays(model, pictures):
    first = model(bgr(pictures[0][0]))
    kept = first.score.copy()
    model(bgr(pictures[0][1]))
    np.testing.assert_array_equal(first.score, kept)


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (np.zeros((24, 24, 4), np.uint8), "an image is height × width × 3"),
        (
            np.zeros((9, 9, 3), np.float32),
            r"takes pictures \(uint8\) or tensors of shape \(1, 24, 24, 3\); got float32",
        ),
        ({"photo": np.zeros((24, 24, 3), np.uint8)}, "the inputs are 'picture'; got 'photo'"),
        ("nowhere.jpg", "cannot read the picture nowhere.jpg"),
        ("text", "takes pictures"),
    ],
)
def test_what_it_does_not_take_is_refused(model, sample, message):
    if isinstance(sample, str) and sample == "text":
        sample = np.array(["text"])
    with pytest.raises(InputError, match=message):
        model(sample)


@pytest.mark.parametrize("wrong", [np.zeros((24, 24, 4), np.uint8), np.zeros((9, 9, 3), np.float32), np.array("text")])
def test_an_error_that_is_kept_does_not_break_the_model(model, frame, wrong):
    expected = model(frame).top
    kept = []
    try:
        model(wrong)
    except InputError as error:
        kept.append(error)  # with its traceback, and all that its frames hold
    assert model(frame).top == expected


def test_a_closed_model_says_so(bundle, frame):
    model = le.open_model(bundle)
    model.close()
    model.close()
    with pytest.raises(InputError, match="this model is closed"):
        model(frame)


def test_threads_wait_for_each_other(bundle, pictures):
    with le.open_model(bundle) as model:
        expected = [model(bgr(picture)).score.tolist() for picture in pictures[0]]
        wrong = []

        def ask(offset):
            for i in range(80):
                k = (i + offset) % len(expected)
                if model(bgr(pictures[0][k])).score.tolist() != expected[k]:
                    wrong.append(k)

        threads = [threading.Thread(target=ask, args=(offset,)) for offset in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_a_stream_answers_every_frame_of_a_video(bundle, video, pictures):
    with le.open_model(bundle) as model, le.Camera(video) as camera:
        results = list(model.stream(camera))
        assert [result.origin.frame.index for result in results] == list(range(40))
        assert camera.counts.captured == len(results)
    assert np.mean([r.top.index for r in results] == pictures[1]) > 0.9


@pytest.mark.parametrize(("problem", "reason"), [(KeyboardInterrupt(), "interrupted"), (InputError("no"), "failed")])
def test_a_frame_that_was_never_answered_is_counted_as_dropped(bundle, video, monkeypatch, problem, reason):
    def fail():
        raise problem

    with le.open_model(bundle) as model, le.Camera(video) as camera:
        stream = model.stream(camera)
        for _ in range(5):
            next(stream)
        monkeypatch.setattr(model._runner, "run", fail)
        with pytest.raises(type(problem)):
            next(stream)
    counts = camera.counts
    assert (counts.delivered, counts.dropped[reason]) == (5, 1)
    assert counts.captured == 5 + sum(counts.dropped.values())


def test_whoever_leaves_a_stream_has_had_every_answer(bundle, video):
    with le.open_model(bundle) as model, le.Camera(video) as camera:
        for result in model.stream(camera):
            if result.origin.frame.index == 4:
                break
    assert camera.counts.delivered == 5
    assert set(camera.counts.dropped) <= {"closed"}


def test_labels_can_be_replaced(bundle, tmp_path, frame):
    (tmp_path / "labels.txt").write_text("w\nx\ny\nz\n\n", encoding="utf-8")
    with le.open_model(bundle, labels=tmp_path / "labels.txt") as by_file:
        assert by_file.labels == ("w", "x", "y", "z")
        assert by_file(frame).top.label in "wxyz"
    with pytest.raises(BundleError, match="there are 2 labels for 4 classes"):
        le.open_model(bundle, labels=["a", "b"])


def test_the_preprocessing_can_be_replaced_but_not_contradict_the_model(bundle, pictures):
    with le.open_model(bundle, preprocess=le.Preprocess(color="bgr", range=(0, 255))) as swapped:
        as_rgb = swapped(pictures[0][0])  # handed over in the model's order
    with le.open_model(bundle) as model:
        np.testing.assert_array_equal(as_rgb.score, model(bgr(pictures[0][0])).score)
    with pytest.raises(PreprocessError, match="has 3 channels"):
        le.open_model(bundle, preprocess=le.Preprocess(color="gray"))


CARDS = le.Preprocess(
    color="bgr",
    resize="crop",
    crop_fraction=0.75,
    interpolation="area",
    pad=7,
    align="top-left",
    range=(0, 255),
    mean=(1.0,) * 3,
)


@pytest.fixture(scope="module")
def particular(bundle, tmp_path_factory):
    """A bundle whose card has nothing as it is by habit."""
    path = tmp_path_factory.mktemp("particular") / "m.lepton"
    model = path.with_suffix(".tflite")
    model.write_bytes(small_models.picture_classifier().build())
    le.adopt(model, path, preprocess=CARDS)
    return path


@pytest.mark.parametrize(
    "said",
    [
        {"color": "rgb"},
        {"resize": "stretch"},
        {"resize": "letterbox"},
        {"crop_fraction": 1.0},
        {"crop_fraction": 0.875},
        {"interpolation": "linear"},
        {"align": "center"},
        {"pad": 114},
        {"pad": 0},
        {"size": (8, 8)},
        {"range": (0, 1), "mean": ()},
    ],
    ids=str,
)
def test_what_a_preprocessing_leaves_open_stays_the_cards(particular, said):
    with le.open_model(particular, preprocess=le.Preprocess(**said)) as model:
        expected = msgspec.structs.replace(CARDS, size=(8, 8)).completed(model.card.inputs[0].tensor)
        assert model.card.inputs[0].preprocess == msgspec.structs.replace(expected, **said)
        assert model.assumptions == ()


def test_a_resize_of_ones_own_keeps_the_cards_scaling(bundle, pictures):
    with (
        le.open_model(bundle, preprocess=le.Preprocess(resize="letterbox")) as boxed,
        le.open_model(bundle) as model,
    ):
        assert boxed.card.inputs[0].preprocess.range == model.card.inputs[0].preprocess.range == (0, 255)
        for picture in pictures[0][:5]:  # already square: a letterbox without bars
            np.testing.assert_array_equal(boxed(bgr(picture)).score, model(bgr(picture)).score)


def test_a_card_with_another_scaling_than_the_file_is_refused(bundle, tmp_path):
    whole = Bundle(bundle)
    members = {name: whole.member(name) for name in whole.manifest.members}
    (end,) = whole.card.inputs
    other = msgspec.structs.replace(end.tensor, quant=Quant(7.0, 99))
    card = msgspec.structs.replace(whole.card, inputs=(msgspec.structs.replace(end, tensor=other),))
    changed = tmp_path / "changed.lepton"
    write_bundle(changed, msgspec.structs.replace(whole.manifest, card=card), members)
    with pytest.raises(BackendError, match="scale 1, zero point 0 where the card says .* scale 7, zero point 99"):
        le.open_model(changed, backend="tflite")


@pytest.mark.parametrize(("scale", "zero_point"), [("0", "0"), ("1", "1" + "0" * 30), ("1", "300"), ("-1", "0")])
def test_a_card_with_a_scaling_that_is_none_is_refused(bundle, tmp_path, scale, zero_point):
    card = encode_card(Bundle(bundle).card).replace(
        b'"scale":1.0,"zero_point":0', f'"scale":{scale},"zero_point":{zero_point}'.encode()
    )
    with pytest.raises(BundleError, match="the card: "):
        decode_card(card)


def test_auto_takes_the_first_backend_that_passes_and_says_why(bundle):
    with le.open_model(bundle) as model:
        assert model.choice.backend == "tflite"
        assert str(model.choice).startswith("tflite (ai-edge-litert ")
        assert "passes the golden samples" in model.choice.reason


def test_auto_passes_over_a_backend_that_answers_wrongly(bundle, monkeypatch, caplog):
    real = choice_module.worst_differences

    def wrong_for_tflite(golden, run):
        return (99.0,) if run.__self__.name == "tflite" else real(golden, run)

    monkeypatch.setattr(choice_module, "worst_differences", wrong_for_tflite)
    with caplog.at_level(logging.WARNING), le.open_model(bundle) as model:
        assert model.choice.backend == "onnx"
        assert "is off by 99 steps, and at most 0 is allowed" in model.choice.rejected[0].reason
    assert "backend tflite cannot serve" in caplog.text


def test_a_named_backend_that_answers_wrongly_raises(bundle, monkeypatch):
    monkeypatch.setattr(choice_module, "worst_differences", lambda golden, run: (99.0,))
    with pytest.raises(GoldenMismatchError, match="backend 'onnx' answers the golden samples wrongly"):
        le.open_model(bundle, backend="onnx")
    with pytest.raises(BackendError, match="no backend can run this model: tflite: .*; onnx: "):
        le.open_model(bundle)


def test_nothing_installed_names_the_extras(bundle, monkeypatch):
    monkeypatch.setattr("lepton_edge_runtime.backends.find_spec", lambda package: None)
    with pytest.raises(BackendError, match=r"pip install 'lepton-edge\[tflite\]' or 'lepton-edge\[onnx\]'"):
        le.open_model(bundle)


@pytest.mark.parametrize(("member", "suffix"), [("model.tflite", ".tflite"), ("model.onnx", ".onnx")])
def test_each_file_is_enough_by_itself(bundle, tmp_path, member, suffix, frame):
    path = tmp_path / f"bare{suffix}"
    path.write_bytes(Bundle(bundle).member(member))
    with le.open_model(path) as bare, le.open_model(bundle) as whole:
        assert bare.card == whole.card
        assert bare(frame).top == whole(frame).top
        assert bare.choice.rejected or suffix == ".tflite"


@pytest.mark.parametrize("suffix", [".tflite", ".onnx", ".lepton", ""])
def test_a_file_that_is_none_is_refused_plainly(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    with pytest.raises(LeptonError, match="cannot read"):
        le.open_model(path)
    path.write_text("hello, I am no model at all, but long enough to be looked at")
    with pytest.raises(LeptonError, match="is no bundle|no TFLite file|no ONNX file"):
        le.open_model(path)


def test_the_format_readers_see_what_the_libraries_see(bundle):
    import onnx

    onnx_bytes = Bundle(bundle).member("model.onnx")
    graph = onnx.load_from_string(onnx_bytes).graph
    assert [one.kind for one in read_onnx(onnx_bytes).operators] == [node.op_type for node in graph.node]
    file = read_tflite(Bundle(bundle).member("model.tflite"))
    card = Bundle(bundle).card
    assert file.inputs == (card.inputs[0].tensor,)
    # Conv 22×22×8 from 3×3×3, depthwise 11×11×8 from 3×3, dense 968 → 4.
    assert file.macs == 22 * 22 * 8 * 27 + 11 * 11 * 8 * 9 + 968 * 4


def test_broken_model_files_are_refused_without_a_crash(bundle):
    rng = np.random.default_rng(0)
    for member, read in (("model.tflite", read_tflite), ("model.onnx", read_onnx)):
        whole = Bundle(bundle).member(member)
        for _ in range(150):
            broken = bytearray(whole[: int(rng.integers(1, len(whole)))] if rng.random() < 0.3 else whole)
            for _ in range(int(rng.integers(1, 20))):
                broken[int(rng.integers(min(len(broken), 2000)))] = int(rng.integers(256))
            try:
                read(bytes(broken))
            except ModelFileError:
                pass


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ant\nbee\n\n", ("ant", "bee")),
        ("0 ant\n1 bee\n", ("ant", "bee")),
        ("0 ant\n1 ant\n", ("ant", "ant")),
        ("0  ant\n1  bee\n3  cow\n", ("ant", "bee", "2", "cow")),
        ("0: ant\n1: bee\n", ("ant", "bee")),
        ("1 ant\n2 bee\n4 cow\n", ("ant", "bee", "3", "cow")),
        ("1 euro\n2 euro\n5 euro\n", ("1 euro", "2 euro", "5 euro")),
        ("2 ant\n1 bee\n", ("2 ant", "1 bee")),
        ("0 ant\nbee\n", ("0 ant", "bee")),
        ("0 ant\n999999 bee\n", ("0 ant", "999999 bee")),
    ],
)
def test_numbers_before_labels_are_the_numbers_of_their_classes(tmp_path, text, expected):
    (tmp_path / "labels.txt").write_text(text)
    assert read_labels(tmp_path / "labels.txt") == expected


def test_labels_are_read_from_regular_files_of_some_size(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"a" * (5 << 20))
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x80")
    for name, message in (
        ("pipe", "no regular file"), ("large", "at most 4 MB"), ("bytes", "cannot read the labels"),
        ("none", "No such file"), ("a\0b", "null"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            read_labels(tmp_path / name)
    with pytest.raises(InputError, match="no regular file"):
        read_labels("/dev/zero")


def test_what_the_caller_says_wrongly_is_said_before_any_model_is_loaded(tmp_path):
    (tmp_path / "m.tflite").write_bytes(small_models.picture_classifier().build())

    def adopt(path, **said):
        le.adopt(path, tmp_path / "m.lepton", **said)

    for attempt in (le.open_model, le.inspect, le.verify, le.bench, adopt):
        with pytest.raises(ValueError, match=r"no task 'clasify'; there are: .* \(did you mean 'classify'\?\)"):
            attempt(tmp_path / "m.tflite", task="clasify")
        with pytest.raises(TypeError, match="labels are text, not 1"):
            attempt(tmp_path / "m.tflite", labels=[1, 2])


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "M.HDF5", "folder"])
def test_a_keras_model_is_told_of_convert(tmp_path, name):
    if name == "folder":
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").write_bytes(b"")
    else:
        (tmp_path / name).write_bytes(b"x" * 100)
    for attempt in (le.open_model, le.inspect, le.verify):
        with pytest.raises(BundleError, match="is a Keras model, and no bundle; 'lepton-edge convert' makes one of it"):
            attempt(tmp_path / name)
