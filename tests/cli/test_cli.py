"""The command line: results on standard output, the rest on standard error, and the exit status."""

import json
import os
import re
import subprocess
import sys
import threading
import time

import keras_models
import numpy as np
import pytest
import small_models

from lepton_edge.cli import COMMANDS
from lepton_edge_runtime import camera as camera_module
from lepton_edge_runtime import choice as choice_module
from lepton_edge_runtime.bundle import Bundle, write_bundle
from lepton_edge_runtime.camera import Camera
from lepton_edge_runtime.choice import Runner
from lepton_edge_runtime.errors import SourceTimeoutError
from lepton_edge_runtime.golden import Golden, decode_golden, encode_golden
from lepton_edge_runtime.recorder import Recorder
from lepton_edge_runtime.sources import Picture


@pytest.fixture
def samples(tmp_path):
    x, y = keras_models.patterns(120, seed=3)
    np.savez(tmp_path / "samples.npz", x=x, y=y)
    return tmp_path / "samples.npz"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(command, name):
    status, out, err = command(name, "--help")
    assert (status, err) == (0, "")
    assert out.startswith(f"Usage: lepton-edge {name}")
    assert "\n  Example" in out or name == "demo"


def test_help_lists_the_commands_without_loading_them():
    code = "import sys; from lepton_edge.cli import execute; execute(['--help']); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


def test_the_version_is_the_packages(command):
    import lepton_edge

    assert command("--version")[1].strip() == f"lepton-edge, version {lepton_edge.__version__}"


@pytest.mark.parametrize(
    "arguments", [["frobnicate"], ["run"], ["convert", "x.keras", "-o", "y.lepton", "--io", "int4"]]
)
def test_wrong_usage_exits_with_2(command, arguments):
    status, out, err = command(*arguments)
    assert (status, out) == (2, "")
    assert "Usage" in err


def test_convert_prints_a_table_and_writes_the_bundle(command, keras_file, samples, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("north\neast\nsouth\nwest\n")
    status, out, err = command(
        "convert", keras_file("sequential"), "-o", tmp_path / "m.lepton", "--data", samples, "--labels", labels,
        "--size", "24x24", "--color", "rgb", "--range", "0..255", "--resize", "letterbox", "--align", "top-left",
        "--io", "int8", "--formats", "tflite", "--holdout", "0.5", "--calibration", "20", "--max-drop", "50",
    )  # fmt: skip
    assert status == 0
    assert "TFLite int8" in out
    assert "samples: 20 calibrated, 60 judged, of 120 (with labels" in out
    assert err.startswith(f"wrote {tmp_path / 'm.lepton'}")
    card = Bundle(tmp_path / "m.lepton").card
    assert card.labels == ("north", "east", "south", "west")
    assert (card.inputs[0].preprocess.resize, card.inputs[0].preprocess.align) == ("letterbox", "top-left")
    assert card.inputs[0].tensor.dtype == "int8"


def test_a_free_batch_is_asked_for_and_shown(command, keras_file, tmp_path):
    arguments = ("--recipe", "float32", "--formats", "tflite", "--batch", "dynamic")
    status, out, _ = command("convert", keras_file("logits"), "-o", tmp_path / "m.lepton", *arguments)
    assert status == 0
    assert "TFLite float32 batch of 3: each sample answered as alone" in out
    assert "format 1, batch dynamic" in command("inspect", tmp_path / "m.lepton")[1]


def test_convert_to_the_fastest_says_what_became_of_each_scheme(command, keras_file, samples, tmp_path):
    status, out, _ = command(
        "convert", keras_file("sequential"), "-o", tmp_path / "m.lepton", "--data", samples, "--fastest",
    )  # fmt: skip
    assert status == 0
    assert out.count("  ships ") == 1
    # Over three times as long as the winner, it is not judged; less, on a busy machine or a small net, it is.
    assert re.search(r"^  (not judged|passed)  int16x8: takes ", out, re.MULTILINE)
    (reason,) = [line for line in out.splitlines() if line.startswith("  ships ")]
    assert "the fastest on ai-edge-litert" in reason or "but for noise, and the smallest of them" in reason


def test_convert_says_what_it_mended(command, keras_file, samples, tmp_path):
    arguments = ["convert", keras_file("imbalanced"), "-o", tmp_path / "m.lepton", "--data", samples]
    assert command(*arguments)[0] == 3
    status, out, _ = command(*arguments, "--equalize", "--correct-bias", "--formats", "tflite")
    assert status == 0
    assert "  done  scales folded into the layer before: norm_" in out
    assert "  done  what rounding shifts was taken out of the biases of 4 layers" in out


def test_convert_as_json_is_nothing_but_json(command, keras_file, samples, tmp_path):
    status, out, err = command(
        "convert", keras_file("sequential"), "-o", tmp_path / "m.lepton", "--data", samples, "--json"
    )
    assert (status, err) == (0, "")
    report = json.loads(out)
    assert report["passed"] is True
    assert report == json.loads((tmp_path / "m.report.json").read_text())


def test_a_refused_model_exits_with_3_after_its_table(command, keras_file, samples, tmp_path):
    (tmp_path / "strict.toml").write_text('scheme = "int8"\n[gates]\nmin_cosine = 1.0\n')
    (tmp_path / "m.lepton").write_text("old")
    status, out, err = command(
        "convert", keras_file("sequential"), "-o", tmp_path / "m.lepton", "--data", samples, "--force",
        "--recipe", tmp_path / "strict.toml",
    )  # fmt: skip
    assert status == 3
    assert "REFUSED" in out
    assert err.splitlines()[-1].startswith("lepton-edge: the converted model was refused: TFLite int8 outputs: cosine")
    assert (tmp_path / "m.lepton").read_text() == "old"


def test_too_large_a_drop_exits_with_3_and_leaves_the_old_bundle(command, keras_file, tmp_path):
    import keras

    # Halfway between two patterns decisions hang by a thread, and int8 lets some of them fall the other way.
    # The original's own decisions are the labels: it is always right.
    x, _ = keras_models.patterns(800, seed=5)
    x = ((x[:400].astype(np.uint16) + x[400:]) // 2).astype(np.uint8)
    y = np.asarray(keras.models.load_model(keras_file("sequential"))(x.astype(np.float32))).argmax(axis=1)
    np.savez(tmp_path / "hard.npz", x=x, y=y)
    (tmp_path / "open.toml").write_text(
        'scheme = "int8"\n[gates]\nmin_agreement = 0.0\nmin_cosine = 0.0\nmin_parity = 0.0\n'
    )
    (tmp_path / "m.lepton").write_text("old")
    arguments = (
        "convert", keras_file("sequential"), "-o", tmp_path / "m.lepton", "--data", tmp_path / "hard.npz", "--force",
        "--recipe", tmp_path / "open.toml", "--json", "--max-drop",
    )  # fmt: skip
    status, out, err = command(*arguments, "0")
    refused = [gate["name"] for gate in json.loads(out)["gates"] if not gate["passed"]]
    assert status == 3
    assert refused == ["TFLite int8 accuracy", "ONNX int8 accuracy"]
    # The last line: Keras, imported above, greets as well.
    assert err.splitlines()[-1].startswith("lepton-edge: the converted model was refused: TFLite int8 accuracy: drop +")
    assert (tmp_path / "m.lepton").read_text() == "old"
    assert not (tmp_path / "m.report.json").exists()
    assert command(*arguments, "50")[0] == 0  # the same with room for the drop


def test_an_error_is_one_line_and_exits_with_1(command, tmp_path):
    status, out, err = command("convert", tmp_path / "none.keras", "-o", tmp_path / "m.lepton", "--recipe", "float32")
    assert (status, out) == (1, "")
    assert err == f"lepton-edge: there is no model file {tmp_path / 'none.keras'}\n"


@pytest.mark.parametrize("size", ["0x10", "10x65536", "9" * 5000 + "x1"])
def test_a_size_of_no_picture_is_wrong_usage(command, size):
    status, out, err = command("convert", "m.keras", "-o", "m.lepton", "--size", size)
    assert (status, out) == (2, "")
    assert "Error: Invalid value for '--size': " in err


def test_a_video_that_cannot_be_saved_is_one_line(command, bundle, video):
    status, _, err = command("run", bundle, "--camera", video, "--save", "/proc/film.avi")
    assert status == 1
    assert err.splitlines()[-1] == "lepton-edge: OpenCV cannot write the video /proc/film.avi"


@pytest.mark.parametrize("size", ["224", "axb", "224x", "x"])
def test_a_size_is_width_by_height(command, size):
    status, _, err = command("convert", "m.keras", "-o", "m.lepton", "--size", size)
    assert status == 2
    assert "write WIDTHxHEIGHT, such as 224x224" in err


def test_inspect_shows_what_is_inside(command, bundle):
    status, out, err = command("inspect", bundle)
    assert (status, err) == (0, "")
    for part in ("picture uint8 1×24×24×3, scale 1, zero point 0", "softmax", "CONV_2D 1", "labels   4: a, b, c, d"):
        assert part in out
    assert json.loads(command("inspect", bundle, "--json")[1])["card"]["task"] == "classify"


@pytest.mark.parametrize("member", ["model.tflite", "model.onnx"])
def test_inspect_reads_bare_files(command, bundle, tmp_path, member):
    path = tmp_path / member
    path.write_bytes(Bundle(bundle).member(member))
    status, out, _ = command("inspect", path)
    assert status == 0
    assert "task classify" in out


@pytest.fixture
def stranger(tmp_path):
    """A classifier of someone else's, and a file of its labels."""
    path = tmp_path / "stranger.tflite"
    path.write_bytes(small_models.picture_classifier(dtype="uint8", quant=(1 / 128, 128)).build())
    (tmp_path / "labels.txt").write_text("ant\nbee\ncat\n")
    return path


def test_inspect_says_what_a_strangers_file_is_taken_for(command, stranger, tmp_path):
    status, out, _ = command("inspect", stranger)
    assert status == 0
    assert "task classify" in out
    assert "  assumed  colours are taken to be in the order rgb (--color)" in out
    status, out, _ = command("inspect", stranger, "--labels", tmp_path / "labels.txt", "--color", "bgr", "--json")
    found = json.loads(out)
    assert found["card"]["labels"] == ["ant", "bee", "cat"]
    assert found["card"]["inputs"][0]["preprocess"]["color"] == "bgr"
    assert not any("--color" in one for one in found["assumptions"])


def test_run_says_what_it_assumed_before_anything_else(command, stranger, video, tmp_path):
    status, out, err = command("run", stranger, "--camera", video, "--max-frames", "2")
    assert (status, len(out.splitlines())) == (0, 2)
    said = err.splitlines()
    assert said[0] == "lepton-edge: assumed: pictures are stretched to the input's size (--resize)"
    assert "2 answered" in said[-1]
    status, out, err = command(
        "run", stranger, "--camera", video, "--max-frames", "2", "--labels", tmp_path / "labels.txt",
        "--resize", "crop", "--color", "rgb", "--range", "-1..1", "--task", "classify",
    )  # fmt: skip
    assert status == 0
    assert "assumed" not in err
    assert any(label in out for label in ("ant", "bee", "cat"))


def test_adopt_makes_a_bundle_that_verifies(command, stranger, tmp_path):
    arguments = ("adopt", stranger, "-o", tmp_path / "m.lepton", "--labels", tmp_path / "labels.txt")
    status, out, err = command(*arguments)
    assert status == 0
    assert "labels   3: ant, bee, cat" in out
    assert err.startswith(f"wrote {tmp_path / 'm.lepton'}")
    assert command("verify", tmp_path / "m.lepton")[0] == 0
    assert "adopted, not converted" in command("inspect", tmp_path / "m.lepton")[1]
    assert command(*arguments)[0] == 1
    status, out, err = command(*arguments, "--force", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["card"]["task"] == "classify"


def test_adopt_refuses_with_the_reason(command, tmp_path):
    content = small_models.TfliteFile(operators=[("FlexErf", ["x"], ["y"])]).build()
    (tmp_path / "m.tflite").write_bytes(content)
    status, out, err = command("adopt", tmp_path / "m.tflite", "-o", tmp_path / "m.lepton")
    assert (status, out) == (1, "")
    assert "the operator 'FlexErf' is TensorFlow's own" in err
    assert command("inspect", tmp_path / "m.tflite")[1].count("refused") == 1
    assert not (tmp_path / "m.lepton").exists()


def test_verify_passes_a_good_bundle_quietly(command, bundle):
    status, out, err = command("verify", bundle)
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == ["passed"] * 3


def test_verify_exits_with_3_on_a_mismatch(command, bundle, tmp_path):
    whole = Bundle(bundle)
    members = {name: whole.member(name) for name in whole.manifest.members}
    golden = decode_golden(members["golden.npz"], whole.card)
    other = Golden(golden.inputs, (255 - golden.outputs[0],))
    write_bundle(tmp_path / "m.lepton", whole.manifest, {**members, "golden.npz": encode_golden(other)})
    status, out, _ = command("verify", tmp_path / "m.lepton", "--json")
    assert status == 3
    assert [check["outcome"] for check in json.loads(out)] == ["passed", "failed", "failed"]


def test_verify_exits_with_3_on_a_changed_member(command, bundle, tmp_path):
    content = bytearray(bundle.read_bytes())
    content[-2000] ^= 1
    (tmp_path / "m.lepton").write_bytes(content)
    status, out, err = command("verify", tmp_path / "m.lepton")
    assert (status, err) == (3, "")
    assert [line.split()[0] for line in out.splitlines()] == ["failed", "skipped", "skipped"]


def test_verify_exits_with_1_on_what_is_no_bundle(command, tmp_path):
    (tmp_path / "m.lepton").write_text("no bundle")
    status, out, err = command("verify", tmp_path / "m.lepton")
    assert (status, out) == (1, "")
    assert "is no bundle" in err


@pytest.mark.parametrize("as_json", [False, True])
def test_verify_that_proved_nothing_says_so_and_exits_with_1(command, bundle, monkeypatch, as_json):
    monkeypatch.setattr("lepton_edge_runtime.backends.find_spec", lambda package: None)
    status, out, err = command("verify", bundle, *(["--json"] if as_json else []))
    assert status == 1
    assert out.count("skipped") == 2
    assert err == "lepton-edge: no engine has answered, so nothing is proved of the model\n"


def test_verify_of_a_bare_file_proves_nothing_without_its_engine(command, tmp_path, monkeypatch):
    (tmp_path / "m.tflite").write_bytes(small_models.picture_classifier().build())
    assert command("verify", tmp_path / "m.tflite")[0] == 0
    monkeypatch.setattr("lepton_edge_runtime.backends.find_spec", lambda package: None)
    status, out, err = command("verify", tmp_path / "m.tflite")
    assert status == 1
    assert "skipped  first run, tflite: ai-edge-litert is not installed" in out
    assert err == "lepton-edge: no engine has answered, so nothing is proved of the model\n"


def test_run_prints_a_line_a_frame_and_says_where_all_went(command, bundle, video):
    status, out, err = command("run", bundle, "--camera", video)
    assert status == 0
    assert len(out.splitlines()) == 40
    assert err.startswith("40 frames in = 40 answered + dropped: none; ")
    assert "tflite (ai-edge-litert" in err


def test_run_as_json_gives_one_object_a_frame_and_the_totals(command, bundle, folder):
    status, out, err = command("run", bundle, "--camera", folder, "--json", "--backend", "onnx", "--top", "2")
    lines = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert err in ("", f"lepton-edge: {folder}: 3.png cannot be read\n")
    assert [line["name"] for line in lines[:-1]] == [f"{i}.png" for i in range(8) if i != 3]
    assert all(len(line["classes"]) == 2 and line["backend"] == "onnx" for line in lines[:-1])
    totals = lines[-1]["totals"]
    assert totals["captured"] == totals["answered"] + sum(totals["dropped"].values()) == 8


@pytest.mark.parametrize("task", ["classify", "raw"])
def test_answers_that_are_no_numbers_are_null_in_json(command, video, tmp_path, task):
    from onnx import numpy_helper

    model = small_models.onnx_picture_classifier()
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.full((3, 3), np.nan, np.float32), "weights"))
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    arguments = ("run", tmp_path / "m.onnx", "--camera", video, "--max-frames", "1", "--json", "--task", task)
    status, out, _ = command(*arguments)
    assert status == 0
    answer = json.loads(out.splitlines()[0], parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    scores = answer["tensors"]["probabilities"][0] if task == "raw" else [one["score"] for one in answer["classes"]]
    assert scores == [None] * 3


def test_run_says_what_a_cut_off_video_lacks_and_ffmpeg_says_nothing(bundle, video, tmp_path):
    cut = tmp_path / "cut.avi"
    cut.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    # In a process of its own: FFmpeg's own printing is set up once a process.
    command = [sys.executable, "-m", "lepton_edge", "run", str(bundle), "--camera", str(cut)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answered = len(done.stdout.splitlines())
    warning, totals = done.stderr.splitlines()
    assert warning == f"lepton-edge: {cut}: {40 - answered} of its 40 frames cannot be read"
    assert totals.startswith(f"40 frames in = {answered} answered + dropped: {40 - answered} unreadable; ")


class Stopping:
    """A camera that gives pictures until something happens to it or to whoever watches; its hardware is faked."""

    live = True
    fps = 30.0
    reopened = 0
    trouble = None

    def __init__(self, pictures, error):
        self.pictures = iter(pictures)
        self.error = error

    def read(self):
        picture = next(self.pictures, None)
        if picture is None:
            raise self.error
        return Picture(np.ascontiguousarray(picture), 0.0)

    def stop(self):
        pass

    def close(self):
        pass


@pytest.mark.parametrize("as_json", [False, True])
def test_a_camera_that_fails_is_told_after_where_its_frames_went(command, bundle, pictures, monkeypatch, as_json):
    device = Stopping(pictures[0][:7], SourceTimeoutError("camera 0 stopped giving pictures"))
    monkeypatch.setattr(camera_module, "open_source", lambda address, patience: device)
    status, out, err = command("run", bundle, "--camera", "0", *(["--json"] if as_json else []))
    assert status == 1
    assert err.splitlines()[-1] == "lepton-edge: camera 0 stopped giving pictures"
    if as_json:
        totals = json.loads(out.splitlines()[-1])["totals"]
        assert totals["captured"] == totals["answered"] + sum(totals["dropped"].values()) == 7
    else:
        assert "7 frames in = " in err.splitlines()[-2]


def test_a_saved_film_of_a_camera_lasts_as_long_as_it_was_watched(command, bundle, pictures, monkeypatch, tmp_path):
    device = Stopping(pictures[0], SourceTimeoutError("it ended"))
    device.fps = 200.0  # as many pictures a second as it says it has
    read = device.read
    clock = threading.Event()
    device.read = lambda: clock.wait(0.05) or read()  # and far fewer than it gives
    film = tmp_path / "film.avi"
    with monkeypatch.context() as patch:
        patch.setattr(camera_module, "open_source", lambda address, patience: device)
        status, out, _ = command("run", bundle, "--camera", "0", "--max-frames", "5", "--save", film)
    assert (status, len(out.splitlines())) == (0, 5)
    with Camera(film) as camera:
        # Four pauses of a twentieth of a second or more, at 200 frames a second.
        assert len(list(camera)) >= 4 * 10


@pytest.mark.parametrize("as_json", [False, True])
def test_a_camera_is_not_held_up_by_its_film(command, bundle, pictures, monkeypatch, tmp_path, as_json):
    ended = threading.Event()
    device = Stopping(pictures[0], SourceTimeoutError("it ended"))
    read, append = device.read, Recorder._append

    def slowly():
        time.sleep(0.03)  # for each picture to be answered
        try:
            return read()
        except SourceTimeoutError:
            ended.set()
            raise

    def when_it_has_ended(recorder, image):
        assert ended.wait(60)
        append(recorder, image)

    device.read = slowly
    monkeypatch.setattr(camera_module, "open_source", lambda address, patience: device)
    monkeypatch.setattr(Recorder, "_append", when_it_has_ended)
    arguments = ("--camera", "0", "--save", tmp_path / "film.avi", *(["--json"] if as_json else []))
    status, out, err = command("run", bundle, *arguments)
    assert status == 1
    if as_json:
        totals = json.loads(out.splitlines()[-1])["totals"]
        assert 0 < totals["unsaved"] < totals["answered"]
    else:
        assert " of the answered are not in the video, which was written too slowly; " in err


@pytest.mark.parametrize("as_json", [False, True])
def test_ctrl_c_while_a_frame_is_answered_counts_it_as_dropped(command, bundle, video, monkeypatch, as_json):
    answers = iter(range(9))
    run = Runner.run

    def interrupted(runner):
        if next(answers, None) is None:
            raise KeyboardInterrupt
        return run(runner)

    monkeypatch.setattr(choice_module, "worst_differences", lambda golden, run: (0.0,))
    monkeypatch.setattr(Runner, "run", interrupted)
    status, out, err = command("run", bundle, "--camera", video, *(["--json"] if as_json else []))
    assert status == 0
    if as_json:
        totals = json.loads(out.splitlines()[-1])["totals"]
        assert totals["dropped"]["interrupted"] == 1
        assert totals["captured"] == totals["answered"] + sum(totals["dropped"].values())
    else:
        captured, answered, closed = map(
            int,
            re.match(r"(\d+) frames in = (\d+) answered \+ dropped: 1 interrupted(?:, (\d+) closed)?", err).groups("0"),
        )
        assert captured == answered + 1 + closed == len(out.splitlines()) + 1 + closed


def test_run_stops_after_the_frames_asked_for_and_saves_them(command, bundle, video, tmp_path):
    status, out, err = command("run", bundle, "--camera", video, "--max-frames", "5", "--save", tmp_path / "o.mp4")
    assert (status, len(out.splitlines())) == (0, 5)
    assert " 5 answered + dropped: " in err
    assert len(command("run", bundle, "--camera", tmp_path / "o.mp4")[1].splitlines()) == 5
    assert command("run", bundle, "--camera", video, "--save", tmp_path / "o.mp4")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--camera", "94"], "there is no camera 94"),
        (["--camera", "none.mp4"], "there is no file or folder none.mp4"),
        (["--camera", "0", "--backend", "onx"], "no backend 'onx'"),
        (["--camera", "0", "--labels", "none.txt"], "cannot read none.txt: No such file or directory"),
        (["--camera", "VIDEO", "--save", "film.gif"], "a video ends in .mp4"),
    ],
)
def test_run_says_what_is_wrong_in_one_line(command, bundle, video, arguments, message):
    arguments = [str(video) if argument == "VIDEO" else argument for argument in arguments]
    status, out, err = command("run", bundle, *arguments)
    assert (status, out) == (1, "")
    assert err.startswith("lepton-edge: ")
    assert message in err
    assert len(err.splitlines()) == 1


def test_a_reader_that_has_enough_is_no_error(bundle, video):
    script = f"{sys.executable} -m lepton_edge run {bundle} --camera {video} | head -n 1"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_a_window_that_cannot_be_shown_says_what_to_do(command, bundle, video):
    import cv2

    if "GUI:" in cv2.getBuildInformation() and "NONE" not in cv2.getBuildInformation().split("GUI:")[1].splitlines()[0]:
        pytest.skip("this OpenCV has windows")
    status, _, err = command("run", bundle, "--camera", video, "--show")
    assert status == 1
    assert "lepton-edge[desktop]" in err


@pytest.mark.slow
def test_the_demo_reads_digits(command, tmp_path):
    status, out, err = command("demo", "-o", tmp_path / "demo")
    assert (status, err) == (0, "")
    right = int(out.split("digits.avi: ")[1].split(" of 120")[0])
    assert right >= 110
    assert "120 frames in = 120 delivered + dropped: none" in out
    assert len(Bundle(tmp_path / "demo" / "digits.lepton").card.labels) == 10
