import io
import runpy
import sys
from pathlib import Path

import cv2
import keras_models
import numpy as np
import pytest

import lepton_edge as le
from lepton_edge_converters.worker import Worker

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def samples(tmp_path):
    x, y = keras_models.patterns(120, seed=3)
    np.savez(tmp_path / "samples.npz", x=x, y=y)
    return tmp_path / "samples.npz"


@pytest.fixture
def example(monkeypatch, capsys):
    """Run an example as a user would; return its exit status and what it printed."""

    def call(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        status = 0
        try:
            runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        except SystemExit as left:
            status = left.code or 0
        return status, capsys.readouterr().out

    return call


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 40


def test_convert_a_classifier(example, keras_file, samples, tmp_path):
    status, out = example("convert_classifier.py", keras_file("sequential"), samples, tmp_path / "m.lepton")
    assert status == 0
    assert "bytes" in out
    assert "agreement" in out


def test_run_a_camera(example, bundle, video):
    status, out = example("run_camera.py", bundle, video)
    assert status == 0
    assert "engine: tflite" in out
    assert "40 frames in = 40 delivered" in out


def test_watch_motion(example, bundle, tmp_path):
    for i in range(6):
        picture = np.full((120, 160), 90, np.uint8)
        if i == 4:
            picture[40:70, 100:130] = 150
        cv2.imwrite(str(tmp_path / f"{i}.png"), picture)
    status, out = example("watch_motion.py", bundle, tmp_path, "0.5,0,1,1")
    assert status == 0
    first, second, *_ = out.splitlines()
    assert first.startswith("frame 0: 100.00% moves, first at [0, 0, 160, 120]: ")
    assert second.startswith("frame 4: 4.67% moves, first at [100, 40, 130, 70]: ")
    assert "6 frames in = 2 delivered + dropped: 4 still" in out


def test_tune_and_run(example, bundle, folder, tmp_path):
    status, out = example("tune_and_run.py", bundle, tmp_path / "cache", folder / "0.png")
    assert status == 0
    assert "timed by tune on this machine" in out


def test_explain_an_answer(example, bundle, folder, tmp_path):
    status, out = example("explain_answer.py", bundle, folder / "0.png", tmp_path / "heat.png", "a")
    assert status == 0
    assert out.startswith("a: score ")
    assert (tmp_path / "heat.png").read_bytes().startswith(b"\x89PNG")


def test_a_build_step_fails_with_the_right_status(example, keras_file, samples, tmp_path):
    done = example("build_script.py", keras_file("sequential"), samples, tmp_path / "m.lepton", "5")
    assert done[0] == 0
    assert "gates passed" in done[1]
    assert example("build_script.py", tmp_path / "none.keras", samples, tmp_path / "m.lepton", "5")[0] == 1
    refused = example("build_script.py", keras_file("floor_mod"), _numbers(tmp_path), tmp_path / "m.lepton", "5")
    assert refused[0] == 3
    assert "REFUSED TFLite int8 operators" in refused[1]


def _numbers(tmp_path):
    x, y = keras_models.clusters(100)
    np.savez(tmp_path / "numbers.npz", x=x, y=y)
    return tmp_path / "numbers.npz"


def test_read_texts(example, tmp_path, monkeypatch):
    with Worker() as worker:
        worker.call("text_models:save", "sentiment", tmp_path / "m.keras")
    le.convert(
        tmp_path / "m.keras", tmp_path / "m.lepton", recipe="float32", formats=["tflite"], labels=["bad", "good"]
    )
    monkeypatch.setattr(sys, "stdin", io.StringIO("a dull film\na lovely film\n"))
    status, out = example("read_texts.py", tmp_path / "m.lepton", "good")
    assert status == 0
    assert [line.split("%  ")[1] for line in out.splitlines()] == ["a lovely film", "a dull film"]


def test_watch_clips(example, tmp_path, video):
    with Worker() as worker:
        worker.call("clip_models:save", "gru", tmp_path / "m.keras")
    le.convert(tmp_path / "m.keras", tmp_path / "m.lepton", recipe="float32", formats=["tflite"])
    status, out = example("watch_clips.py", tmp_path / "m.lepton", video, "10")
    assert status == 0
    assert out.count(" s  ") == 4
    assert "40 frames in = 4 delivered + dropped: " in out
