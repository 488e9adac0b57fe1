"""bench, tune and doctor on the command line, and run with what tune chose."""

import json
import re
from pathlib import Path

import pytest
import small_models

from lepton_edge.cli import cache as cache_module
from lepton_edge.cli.columns import columns, sentence
from lepton_edge_runtime.bundle import Bundle
from lepton_edge_runtime.diagnosis.finding import Diagnosis, Finding


def test_bench_prints_percentiles_ratios_and_how_they_came_about(command, bundle):
    status, out, err = command("bench", bundle, "--seconds", "0", "--threads", "1,2")
    assert (status, err) == (0, "")
    assert re.search(r"^milliseconds +min +p50 +p90 +p99 +× bare +\(min\)$", out, re.MULTILINE)
    assert [line for line in out.splitlines() if line.endswith((" thread", " threads"))] == [
        "tflite, 1 thread", "tflite, 2 threads", "onnx, 1 thread", "onnx, 2 threads"
    ]  # fmt: skip
    assert len(re.findall(r"^  whole call +([\d.]+ +){5}[\d.]+$", out, re.MULTILINE)) == 4
    assert len(re.findall(r"^  bare engine +([\d.]+ +){3}[\d.]+$", out, re.MULTILINE)) == 4
    assert re.search(r"^onnx +[\d.]+ ms +[\d.]+ ms +[\d.]+ ms +\+\d+ MB$", out, re.MULTILINE)
    assert "runs of everything in turn" in out


def test_bench_as_json_is_nothing_but_json(command, bundle):
    status, out, err = command("bench", bundle, "--seconds", "0", "--backend", "onnx", "--json")
    assert (status, err) == (0, "")
    assert [row["backend"] for row in json.loads(out)["rows"]] == ["onnx"]


def test_bench_of_two_files_names_them(command, bundle, tmp_path):
    path = tmp_path / "bare.onnx"
    path.write_bytes(Bundle(bundle).member("model.onnx"))
    status, out, _ = command("bench", path, "--beside", bundle, "--seconds", "0")
    assert status == 0
    assert "bare.onnx, onnx, 1 thread\n" in out
    assert "patterns.lepton, tflite, 1 thread\n" in out
    assert "left out tflite: backend 'tflite' runs model.tflite, and there is none" in out


def test_tune_stores_what_run_then_takes(command, bundle, video, own_cache):
    status, out, err = command("tune", bundle, "--seconds", "0", "--threads", "1", "--backend", "onnx")
    assert (status, err) == (0, "")
    assert "* onnx, 1 thread" in out
    (stored,) = own_cache.iterdir()
    assert f"stored   {stored}\n" in out
    _, _, totals = command("run", bundle, "--camera", video, "--max-frames", "1")
    assert "onnx (onnxruntime" in totals
    assert "fastest of 1 timed by tune on this machine" in totals
    _, _, untuned = command("run", bundle, "--camera", video, "--max-frames", "1", "--no-cache")
    assert "tflite (ai-edge-litert" in untuned
    _, _, asked = command("run", bundle, "--camera", video, "--max-frames", "1", "--threads", "1")
    assert "tflite (ai-edge-litert" in asked


def test_run_says_that_a_stored_choice_does_not_hold(command, bundle, video, tmp_path):
    command("tune", bundle, "--seconds", "0", "--threads", "1", "--cache", tmp_path)
    (stored,) = tmp_path.iterdir()
    stored.write_text("{}")
    status, out, _ = command("run", bundle, "--camera", video, "--max-frames", "1", "--cache", tmp_path, "--json")
    assert status == 0
    totals = json.loads(out.splitlines()[-1])["totals"]
    assert (totals["backend"], totals["threads"]) == ("tflite", 1)
    assert str(stored) in totals["rejected"]["tuned"]


def test_tune_as_json_is_what_is_stored(command, bundle, tmp_path):
    _, out, _ = command("tune", bundle, "--seconds", "0", "--threads", "1", "--cache", tmp_path, "--json")
    (stored,) = tmp_path.iterdir()
    assert json.loads(out) == json.loads(stored.read_text())


@pytest.mark.parametrize("threads", ["", "0", "1,,2", "two", "-1"])
def test_threads_are_numbers_from_1(command, bundle, threads):
    status, _, err = command("tune", bundle, "--threads", threads)
    assert status == 2
    assert "is no list of numbers from 1; write 1,2,4" in err


def test_a_cache_and_no_cache_contradict_each_other(command, bundle, tmp_path):
    status, _, err = command("run", bundle, "--camera", "0", "--cache", tmp_path, "--no-cache")
    assert status == 2
    assert "contradict each other" in err


def test_the_cache_is_where_the_xdg_specification_says(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_module.user_cache() == tmp_path / "lepton-edge"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for unusable in ("", "relative/folder"):
        monkeypatch.setenv("XDG_CACHE_HOME", unusable)
        assert cache_module.user_cache() == tmp_path / "home" / ".cache" / "lepton-edge"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError))
    assert cache_module.user_cache() is None


def test_a_user_without_a_home_is_asked_for_a_cache(command, bundle, monkeypatch):
    monkeypatch.setattr(cache_module, "user_cache", lambda: None)
    status, _, err = command("tune", bundle)
    assert status == 2
    assert "--cache" in err


def test_doctor_looks_at_this_machine(command):
    status, out, err = command("doctor")
    assert err == ""
    assert status == (0 if "\n0 problems" in out else 3)
    assert re.search(r"^  good +Python: 3\.", out, re.MULTILINE)
    report = json.loads(command("doctor", "--json")[1])
    assert {"topic", "what", "state", "detail", "mend"} == set(report["findings"][0])


@pytest.mark.parametrize(("state", "status"), [("good", 0), ("note", 0), ("problem", 3)])
def test_doctor_exits_with_3_only_for_a_problem(command, monkeypatch, state, status):
    finding = Finding("a thing", state, "is so", "mend it", "system")
    monkeypatch.setattr("lepton_edge.cli.doctor.doctor", lambda: Diagnosis((finding,)))
    got, out, _ = command("doctor")
    assert got == status
    assert "a thing: is so\n" in out
    assert "→ mend it\n" in out


def test_columns_line_up_and_headings_may_be_long():
    rows = [("a long heading of its own", "", ""), ("name", "1.5", "10"), ("longer", "22.25", "")]
    assert columns(rows) == ["a long heading of its own", "name      1.5  10", "longer  22.25"]


def test_a_name_in_a_column_steers_no_terminal():
    assert columns([("name", "1"), ("\x1b[31mred", "2")]) == ["name         1", "\\x1b[31mred  2"]


def test_a_sentence_is_wrapped_under_its_label_in_a_terminal_only(monkeypatch):
    text = "opencv-python-headless " * 6
    assert sentence("note", text.strip()) == f"note     {text.strip()}"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    lines = sentence("note", text).splitlines()
    assert len(lines) == 3
    assert all(len(line) <= 60 for line in lines)
    assert lines[1].startswith(" " * 9 + "opencv-python-headless")


def test_a_file_whose_size_is_open_can_be_verified_timed_and_tuned_with_what_the_user_says(command, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(small_models.onnx_picture_classifier(size=("h", "w")).SerializeToString())
    (tmp_path / "labels.txt").write_text("ant\nbee\ncat\n")
    said = ("--size", "12x10", "--labels", tmp_path / "labels.txt", "--color", "bgr", "--task", "classify")
    for arguments in (("verify",), ("bench", "--seconds", "0"), ("tune", "--seconds", "0", "--threads", "1")):
        status, _, err = command(arguments[0], path, *arguments[1:])
        assert status == 1
        assert "say which size its pictures have, such as --size" in err
        status, out, err = command(arguments[0], path, *arguments[1:], *said)
        assert (status, err) == (0, "")
        assert "onnx" in out
