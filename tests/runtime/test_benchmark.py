"""What bench measures: its own arithmetic, its bare engines, its processes; never that something is fast."""

import json
import subprocess
import sys
from importlib.resources import files

import cv2
import keras_models
import numpy as np
import pytest
import small_models

import lepton_edge as le
from lepton_edge_runtime.backends import BACKENDS
from lepton_edge_runtime.benchmark.bare import BARE
from lepton_edge_runtime.benchmark.footprint import Footprint, measure_footprint
from lepton_edge_runtime.benchmark.remarks import notes_of, warnings_of
from lepton_edge_runtime.benchmark.report import BenchRow
from lepton_edge_runtime.benchmark.subject import computes_on_integers
from lepton_edge_runtime.bundle import GOLDEN, Bundle
from lepton_edge_runtime.choice import Rejected
from lepton_edge_runtime.errors import BackendError, InputError, MissingExtraError, ProbeError
from lepton_edge_runtime.golden import decode_golden
from lepton_edge_runtime.timing import Latency
from lepton_edge_runtime.tuning import tune


@pytest.fixture(scope="module")
def report(bundle):
    return le.bench(bundle, threads=(1, 2), seconds=0)


def test_every_backend_is_timed_with_every_number_of_threads(report):
    assert [(row.backend, row.threads) for row in report.rows] == [
        ("tflite", 1), ("tflite", 2), ("onnx", 1), ("onnx", 2)
    ]  # fmt: skip
    assert [one.backend for one in report.openings] == ["tflite", "onnx"]
    assert report.row("onnx", 2).engine.startswith("onnxruntime ")


def test_percentiles_rise_and_ratios_are_theirs(report):
    for row in report.rows:
        for latency in (row.call, row.bare):
            assert 0 < latency.minimum_ms <= latency.median_ms <= latency.p90_ms <= latency.p99_ms
            assert latency.runs == report.rows[0].call.runs >= 3
        assert row.times_bare == row.call.median_ms / row.bare.median_ms
        assert row.times_bare_minimum == row.call.minimum_ms / row.bare.minimum_ms


def test_stages_are_parts_of_the_call(report):
    for row in report.rows:
        stages = (row.preprocess_ms, row.inference_ms, row.decode_ms)
        # In every run a part is no longer than the whole, so its median is not either.
        assert all(0 <= stage <= row.call.median_ms for stage in stages)


def test_opening_costs_time_and_memory(report):
    for one in report.openings:
        cost = one.footprint
        assert cost.import_ms > 0
        assert cost.open_ms > 0
        assert cost.golden_ms > 0
        # The engines' libraries alone are more than a megabyte.
        assert cost.memory_mb > 1


def test_it_says_how_it_was_measured(report):
    assert "cores" in report.machine or "core" in report.machine
    assert {"Python", "numpy", "onnxruntime", "ai-edge-litert"} <= set(report.versions)
    assert report.sample == "a frame of 1280×720 (seeded noise)"
    assert any(note.startswith(f"{report.rows[0].call.runs} runs of everything in turn") for note in report.notes)
    assert report.choice.startswith("tflite (ai-edge-litert")


def test_a_report_is_plain_json(report):
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["rows"][0]["times_bare"] == report.rows[0].times_bare
    assert plain["openings"][1]["footprint"]["memory_mb"] == report.openings[1].footprint.memory_mb


@pytest.mark.parametrize("name", BACKENDS)
def test_the_bare_engine_answers_as_the_golden_samples_say(name, bundle):
    whole = Bundle(bundle)
    golden = decode_golden(whole.member(GOLDEN), whole.card)
    tensors = {"picture": golden.inputs[0][0]}
    (answer,) = BARE[name](whole.member(BACKENDS[name].member), tensors, 1)()
    limit = whole.manifest.tolerance[BACKENDS[name].member][0]
    assert np.abs(answer.astype(int) - golden.outputs[0][0].astype(int)).max() <= limit


def test_the_engine_is_given_what_the_model_is_given(bundle, frame):
    with le.open_model(bundle) as model:
        (tensor,) = model.tensors(frame)
        assert tensor.dtype == np.uint8
        np.testing.assert_array_equal(tensor[0], cv2.resize(frame, (24, 24))[..., ::-1])
        assert model(tensor[0, ..., ::-1].copy()).top == model(frame).top
    with pytest.raises(InputError, match="this model is closed"):
        model.tensors(frame)


@pytest.mark.parametrize("name", BACKENDS)
def test_one_engines_memory_is_not_counted_to_another(name, bundle):
    code = (
        "import sys, json; from pathlib import Path\n"
        "from lepton_edge_runtime.benchmark.footprint import footprint_here\n"
        f"footprint_here(Path({str(bundle)!r}), {name!r}, 1)\n"
        "print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    for other, engine in BACKENDS.items():
        assert (engine.package in loaded) is (other == name)
    assert "cv2" not in loaded


def test_a_bare_file_is_timed_like_a_bundle_and_files_run_side_by_side(bundle, tmp_path, frame):
    path, picture = tmp_path / "bare.onnx", tmp_path / "frame.png"
    path.write_bytes(Bundle(bundle).member("model.onnx"))
    cv2.imwrite(str(picture), frame)
    report = le.bench(bundle, beside=[path], backends=["onnx"], image=picture, seconds=0)
    assert [row.file for row in report.rows] == [bundle, path]
    assert report.sample == f"a frame of 48×48 ({picture})"
    alone = le.bench(path, seconds=0)
    assert [row.backend for row in alone.rows] == ["onnx"]
    assert alone.rejected == (
        Rejected("tflite", "backend 'tflite' runs model.tflite, and there is none; there are: model.onnx"),
    )


def test_a_model_of_tensors_is_timed_on_its_golden_sample(keras_file, tmp_path):
    path = tmp_path / "logits.lepton"
    le.convert(keras_file("logits"), path, data=keras_models.clusters(100))
    report = le.bench(path, backends=["tflite"], seconds=0)
    assert report.sample == "the first golden sample"
    with pytest.raises(InputError, match="a picture was given, and .* takes none"):
        le.bench(path, image="owl.jpg")


def test_without_opencv_a_model_of_pictures_is_timed_on_tensors(bundle, tmp_path, monkeypatch):
    monkeypatch.setattr("lepton_edge_runtime.benchmark.subject.find_spec", lambda package: None)
    assert le.bench(bundle, backends=["onnx"], seconds=0).sample == "the first golden sample"
    path = tmp_path / "bare.onnx"
    path.write_bytes(Bundle(bundle).member("model.onnx"))
    assert le.bench(path, backends=["onnx"], seconds=0).sample == "tensors of seeded noise"


def open_tflite():
    tensors = [small_models.Tensor(name, (1, 1, 1, 3), signature=(-1, -1, -1, 3)) for name in ("x", "y")]
    return small_models.TfliteFile(tensors, [("RELU", ["x"], ["y"])]).build()


OPEN_FILES = {
    "tflite": ("m.tflite", open_tflite),
    "onnx": ("m.onnx", lambda: small_models.onnx_picture_classifier(size=("h", "w")).SerializeToString()),
}


def test_there_is_a_file_with_open_axes_for_every_backend():
    assert OPEN_FILES.keys() == BACKENDS.keys()


@pytest.mark.parametrize("name", OPEN_FILES)
def test_axes_that_a_file_leaves_open_are_as_the_card_has_them(tmp_path, name):
    file, make = OPEN_FILES[name]
    (tmp_path / file).write_bytes(make())
    le.adopt(tmp_path / file, tmp_path / "m.lepton", preprocess=le.Preprocess(size=(16, 12)))
    report = le.bench(tmp_path / "m.lepton", seconds=0)
    assert [(row.backend, row.call.runs >= 3) for row in report.rows] == [(name, True)]
    assert [one.backend for one in report.openings] == [name]


def test_a_fresh_process_that_fails_is_named(tmp_path):
    with pytest.raises(ProbeError, match=r"opening .*none\.lepton on onnx in a fresh process failed: .*cannot read"):
        measure_footprint(tmp_path / "none.lepton", "onnx", 1)


def test_what_open_model_takes_here_is_told(bundle, tmp_path):
    found = tune(bundle, cache=tmp_path, threads=[1], seconds=0)
    report = le.bench(bundle, backends=["tflite"], seconds=0, cache=tmp_path)
    assert report.choice.startswith(f"{found.backend} (")
    assert "timed by tune on this machine" in report.choice


def test_a_named_backend_that_cannot_serve_raises(bundle, monkeypatch):
    with pytest.raises(BackendError, match="no backend 'onx'"):
        le.bench(bundle, backends=["onx"])
    monkeypatch.setattr("lepton_edge_runtime.backends.find_spec", lambda package: None)
    with pytest.raises(MissingExtraError, match=r"lepton-edge\[onnx\]"):
        le.bench(bundle, backends=["onnx"])
    with pytest.raises(
        BackendError, match="no backend can run .*: tflite: backend 'tflite' is not installed.*; onnx: "
    ):
        le.bench(bundle)


def test_integers_are_told_from_floats(bundle):
    for engine in BACKENDS.values():
        assert computes_on_integers(Bundle(bundle).member(engine.member), engine.member)
    relu = files("lepton_edge_runtime.diagnosis").joinpath("relu.tflite").read_bytes()
    assert not computes_on_integers(relu, "model.tflite")


def row(file, median_ms, *, integers, p90=1.1, runs=500):
    latency = Latency(median_ms, median_ms, median_ms * p90, median_ms * p90, runs)
    return BenchRow(file, "tflite", "e 1", 1, integers, latency, latency, 0.0, 0.0, 0.0)


def test_int8_that_is_not_the_fastest_is_warned_of(tmp_path):
    fast, slow = row(tmp_path / "float.lepton", 1.0, integers=False), row(tmp_path / "int8.lepton", 2.0, integers=True)
    (warning,) = warnings_of([fast, slow])
    assert warning.startswith("int8 is not the fastest: float.lepton in float takes 1 ms")
    quick = row(tmp_path / "int8.lepton", 0.5, integers=True)
    assert list(warnings_of([fast, quick])) == []
    assert list(warnings_of([fast])) == []


def test_a_noisy_machine_is_warned_of(tmp_path):
    noisy, calm = (row(tmp_path / "m", 1.0, integers=True, p90=p90) for p90 in (2.5, 1.1))
    (warning,) = warnings_of([noisy, calm])
    assert warning.startswith("the machine was noisy: in 2 of 4 timings p90 is over 1.5 × p50, up to 2.5 ×")


def test_few_runs_are_said_to_make_no_percentile(tmp_path):
    few = list(notes_of([row(tmp_path / "m", 1.0, integers=False, runs=20)]))
    assert any("p99 of 20 runs" in note for note in few)
    many = list(notes_of([row(tmp_path / "m", 1.0, integers=False, runs=200)]))
    assert not any("p99" in note for note in many)


def test_a_system_that_does_not_tell_memory_is_not_guessed_at(bundle, monkeypatch):
    from lepton_edge_runtime.benchmark import footprint

    monkeypatch.setattr(footprint, "resident_mb", lambda: None)
    assert footprint.footprint_here(bundle, "tflite", 1).memory_mb is None
    answer = {"import_ms": 1, "open_ms": 2, "golden_ms": 3, "memory_mb": None}
    monkeypatch.setattr(footprint, "ask_child", lambda *arguments: answer)
    assert footprint.measure_footprint(bundle, "tflite", 1) == Footprint(1, 2, 3, None)
