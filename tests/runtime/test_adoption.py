"""adopt(): a bundle of someone else's file, tried in a process of its own."""

import hashlib
import json
import os
import re
import signal
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import small_models

import lepton_edge as le
from lepton_edge_runtime.adoption import ROUTE
from lepton_edge_runtime.bundle import GOLDEN, Bundle
from lepton_edge_runtime.errors import BackendError, LeptonError, ModelCrashesError, ModelFileError, OutputError
from lepton_edge_runtime.golden import decode_golden
from lepton_edge_runtime.probe import Probe
from lepton_edge_runtime.synthetic import noise_picture

LABELS = ["ant", "bee", "cat"]


def tflite():
    return small_models.picture_classifier(dtype="uint8", quant=(1 / 128, 128)).build()


def onnx():
    return small_models.onnx_picture_classifier(size=("h", "w")).SerializeToString()


@pytest.fixture(
    params=[("m.tflite", tflite, None), ("m.onnx", onnx, le.Preprocess(size=(8, 8)))], ids=["tflite", "onnx"]
)
def adopted(request, tmp_path):
    name, make, preprocess = request.param
    (tmp_path / name).write_bytes(make())
    done = le.adopt(tmp_path / name, tmp_path / "m.lepton", labels=LABELS, preprocess=preprocess)
    return tmp_path / name, done, preprocess


def test_the_files_bytes_go_in_unchanged_and_answer_as_before(adopted):
    path, done, preprocess = adopted
    member = f"model{path.suffix}"
    assert Bundle(done.output).member(member) == path.read_bytes()
    picture = np.random.default_rng(3).integers(0, 256, (30, 40, 3), np.uint8)
    with le.open_model(path, labels=LABELS, preprocess=preprocess) as bare, le.open_model(done.output) as bundle:
        np.testing.assert_array_equal(bare(picture).score, bundle(picture).score)
        assert bundle.labels == tuple(LABELS)
        assert "passes the golden samples" in bundle.choice.reason
        assert bundle.assumptions == ()  # now the card says it


def test_its_golden_samples_prove_it(adopted):
    _, done, _ = adopted
    assert sorted(check.outcome for check in le.verify(done.output)) == ["passed", "passed", "skipped"]
    bundle = Bundle(done.output)
    golden = decode_golden(bundle.member(GOLDEN), bundle.card)
    assert len(golden) == 2
    assert not np.array_equal(golden.outputs[0][0], golden.outputs[0][1])


def test_where_it_came_from_is_written_down_and_no_accuracy_is_claimed(adopted):
    path, done, _ = adopted
    manifest = Bundle(done.output).manifest
    assert manifest.provenance.source == path.name
    assert manifest.provenance.source_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert manifest.provenance.route == {f"model{path.suffix}": ROUTE}
    assert manifest.measured == {}
    assert done.to_dict()["card"]["labels"] == tuple(LABELS)


def test_the_same_file_gives_the_same_bytes(adopted, tmp_path):
    path, done, preprocess = adopted
    again = le.adopt(path, tmp_path / "again.lepton", labels=LABELS, preprocess=preprocess)
    assert again.output.read_bytes() == done.output.read_bytes()


def test_a_file_with_our_card_keeps_it(bundle, tmp_path):
    (tmp_path / "m.tflite").write_bytes(Bundle(bundle).member("model.tflite"))
    done = le.adopt(tmp_path / "m.tflite", tmp_path / "m.lepton")
    assert done.card == Bundle(bundle).card
    assert done.assumptions == ()


def test_a_model_that_does_not_answer_in_time_is_an_error_and_nothing_is_written(tmp_path):
    (tmp_path / "m.tflite").write_bytes(tflite())
    with pytest.raises(ModelCrashesError, match=r"m.tflite is not safe to load: the step 'try_model' took longer than"):
        le.adopt(tmp_path / "m.tflite", tmp_path / "m.lepton", timeout_seconds=0.001)
    assert [path.name for path in tmp_path.iterdir()] == ["m.tflite"]


def crash():
    os.write(2, b"the engine gave up\n")
    os.kill(os.getpid(), signal.SIGSEGV)


def wait():
    time.sleep(60)


def swallow():
    return bytearray(20 << 30)


def process():
    return os.getpid()


@pytest.fixture
def probe(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    with Probe(timeout_seconds=5) as one:
        yield one


def test_a_crash_ends_the_child_and_not_the_caller(probe):
    first = probe.call("test_adoption:process")
    with pytest.raises(
        ModelCrashesError, match=r"killed its process \(SIGSEGV\); the last it said: the engine gave up"
    ):
        probe.call("test_adoption:crash")
    assert probe.call("test_adoption:process") not in (first, os.getpid())


def test_memory_without_end_is_an_error(probe):
    with pytest.raises(BackendError, match="swallow: MemoryError"):
        probe.call("test_adoption:swallow")


def hang_up():
    from lepton_edge_runtime import process

    process._child_pipe[0].close()
    time.sleep(60)


def chatter():
    while True:
        print("x" * (1 << 20), flush=True)


def test_a_child_that_hangs_up_and_lives_on_is_ended(probe):
    with pytest.raises(ModelCrashesError, match=r"hang_up' killed its process \(SIGKILL\)"):
        probe.call("test_adoption:hang_up")


def test_a_child_that_prints_without_end_does_not_fill_the_disk(probe):
    with pytest.raises(LeptonError, match="chatter' killed its process|File too large"):
        probe.call("test_adoption:chatter")
    assert os.fstat(probe._process._log.fileno()).st_size <= 64 << 20


def test_silence_ends_the_child(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    with Probe(timeout_seconds=0.5) as probe, pytest.raises(ModelCrashesError, match=r"took longer than 0\.5 s"):
        probe.call("test_adoption:wait")


def test_a_model_that_its_engine_refuses_is_refused_with_its_words(tmp_path):
    content = bytearray(onnx())
    (tmp_path / "m.onnx").write_bytes(content.replace(b"GlobalAveragePool", b"GlobalAverageFool"))
    with pytest.raises(BackendError, match="ONNX Runtime cannot run this model: .*GlobalAverageFool"):
        le.adopt(tmp_path / "m.onnx", tmp_path / "m.lepton", preprocess=le.Preprocess(size=(8, 8)))
    assert not (tmp_path / "m.lepton").exists()


def test_a_model_that_draws_random_numbers_is_refused(tmp_path):
    from onnx import TensorProto, helper

    nodes = [helper.make_node("RandomNormalLike", ["x"], ["noise"]), helper.make_node("Add", ["x", "noise"], ["y"])]
    (tmp_path / "m.onnx").write_bytes(small_models.onnx_model(nodes).SerializeToString())
    with pytest.raises(ModelFileError, match="answers the same sample differently the second time"):
        le.adopt(tmp_path / "m.onnx", tmp_path / "m.lepton")
    nodes = [helper.make_node("NonZero", ["x"], ["y"])]
    output = [helper.make_tensor_value_info("y", TensorProto.INT64, [2, "n"])]
    (tmp_path / "m.onnx").write_bytes(small_models.onnx_model(nodes, outputs=output).SerializeToString())
    with pytest.raises(ModelFileError, match="the tensor 'y' has the shape|the shape of its output 'y' changes"):
        le.adopt(tmp_path / "m.onnx", tmp_path / "m.lepton")


def test_answers_that_are_no_numbers_are_refused(tmp_path):
    from onnx import helper

    nodes = [helper.make_node("Log", ["x"], ["y"])]  # noise is negative now and then
    (tmp_path / "m.onnx").write_bytes(small_models.onnx_model(nodes).SerializeToString())
    with pytest.raises(ModelFileError, match="its output 'y' is NaN or infinite"):
        le.adopt(tmp_path / "m.onnx", tmp_path / "m.lepton")


def test_samples_too_large_for_a_small_device_are_refused_before_they_are_made(tmp_path):
    from onnx import TensorProto, helper, numpy_helper

    picture = small_models.Tensor("x", (1, 8000, 8000, 3), "uint8")
    tensors = [picture, small_models.Tensor("y", (1, 1), "uint8")]
    (tmp_path / "m.tflite").write_bytes(small_models.TfliteFile(tensors, [("ADD", ["x", "x"], ["y"])]).build())
    with pytest.raises(ModelFileError, match=r"m.tflite: its inputs and outputs take 183 MB a sample, and .* 128 MB"):
        le.adopt(tmp_path / "m.tflite", tmp_path / "m.lepton")
    # An answer whose size only the engine can tell.
    wide = numpy_helper.from_array(np.array([40_000_000, 4], np.int64), "wide")
    output = [helper.make_tensor_value_info("y", TensorProto.UINT8, ["a", "b"])]
    nodes = [
        helper.make_node("Cast", ["x"], ["bytes"], to=TensorProto.UINT8),
        helper.make_node("Expand", ["bytes", "wide"], ["y"]),
    ]
    (tmp_path / "m.onnx").write_bytes(
        small_models.onnx_model(nodes, outputs=output, initializers=[wide]).SerializeToString()
    )
    with pytest.raises(ModelFileError, match="m.onnx: its inputs and outputs take 152 MB a sample"):
        le.adopt(tmp_path / "m.onnx", tmp_path / "m.lepton")


@pytest.mark.parametrize("size", [(1, 60_000), (1500, 2000)])
def test_noise_takes_little_more_memory_than_its_picture(size):
    rng = np.random.default_rng(0)
    tracemalloc.start()
    try:
        picture = noise_picture(*size, 3, rng)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (picture.min(), picture.max()) == (0, 255)
    # Its coarse parts are grids of 2 to 1024 cells a side: 34 MB of float64 in all, once more while one is scaled.
    assert peak < picture.nbytes + 70e6


def test_where_nothing_can_be_written_is_said_at_once(tmp_path):
    (tmp_path / "m.tflite").write_bytes(tflite())
    (tmp_path / "old.lepton").write_text("old")
    for output, message in (
        ("m.zip", "a bundle is called NAME.lepton"), ("no/m.lepton", "there is no folder"),
        ("old.lepton", "exists already; replace it with --force"),
    ):  # fmt: skip
        with pytest.raises(OutputError, match=message):
            le.adopt(tmp_path / "m.tflite", tmp_path / output)
    with pytest.raises(
        ModelFileError, match=r"only .tflite and .onnx files, or a zip of one, can be adopted, not old.lepton"
    ):
        le.adopt(tmp_path / "old.lepton", tmp_path / "m.lepton")


def test_a_bare_file_is_verified_by_a_first_run(tmp_path):
    (tmp_path / "m.tflite").write_bytes(tflite())
    checks = le.verify(tmp_path / "m.tflite")
    assert [(check.what, check.outcome) for check in checks] == [("file", "passed"), ("first run, tflite", "passed")]


def test_a_bare_file_that_its_engine_refuses_fails(tmp_path):
    (tmp_path / "m.onnx").write_bytes(small_models.onnx_model(opset=99).SerializeToString())
    assert [check.outcome for check in le.verify(tmp_path / "m.onnx")] == ["passed", "failed"]


def card_naming(**names):
    """Our card of a file that takes ``x`` and answers ``y``, with another name, shape or task in it."""
    tensors = {"inputs": names.get("input", "x"), "outputs": names.get("output", "y")}
    ends = {
        kind: [{"tensor": {"name": name, "dtype": "float32", "shape": names.get("shape", [1, 4])}}]
        for kind, name in tensors.items()
    }
    return json.dumps({"format": 1, "name": "m", "task": names.get("task", "raw"), **ends}).encode()


def carrying(card):
    return small_models.TfliteFile(metadata={"lepton_edge_card": card})


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (carrying(card_naming(output="nada")), "its card names the output 'nada', and the file has: 'y'"),
        (carrying(card_naming(input="nope")), "its card names the input 'nope', and the file has: 'x'"),
        (carrying(b'{"format": 1}'), "the card: Object missing required field"),
        (small_models.TfliteFile(outputs=()), "it has 0 outputs"),
        (
            small_models.TfliteFile(
                [small_models.Tensor(name, (1, 4)) for name in ("x", "y", "y")],
                [("RELU", ["x"], ["y"])], outputs=("y", "y"),
            ),
            "two outputs of one name",
        ),
    ],
    ids=["no such output", "no such input", "a broken card", "no output", "outputs of one name"],
)  # fmt: skip
def test_what_open_model_refuses_is_refused_by_all(tmp_path, file, message):
    path = tmp_path / "m.tflite"
    path.write_bytes(file.build())
    for attempt in (le.open_model, le.verify, lambda path: le.adopt(path, tmp_path / "m.lepton")):
        with pytest.raises(LeptonError, match=message):
            attempt(path)
    found = le.inspect(path)
    assert found.card is None
    assert re.search(message, found.obstacle)


@pytest.mark.parametrize("change", [{"shape": [1, 5]}, {"task": "detect"}, {"task": "bogus"}], ids=str)
def test_what_only_the_engine_or_the_task_refuses_fails_verification(tmp_path, change):
    path = tmp_path / "m.tflite"
    path.write_bytes(carrying(card_naming(**change)).build())
    with pytest.raises(LeptonError):
        le.open_model(path)
    assert [check.outcome for check in le.verify(path)] == ["passed", "failed"]
    with pytest.raises(LeptonError):
        le.adopt(path, tmp_path / "m.lepton")
