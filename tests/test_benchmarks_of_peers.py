"""The comparison with peers: what processes say to each other, whose turn it is, what agrees, what the page says."""

import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.peers import environments, measuring, tables
from benchmarks.peers.__main__ import main
from benchmarks.peers.agreement import agreement
from benchmarks.peers.cases import MADE, Case
from benchmarks.peers.measuring import Measured, interleaved, measure
from benchmarks.peers.protocol import Job, Named
from benchmarks.peers.rows import ENVIRONMENTS, PEERS, PINS, Environment, Peer
from benchmarks.peers.squares import LABELS, frames
from benchmarks.peers.tables import Run, against, bars, comparable, table

ROOT = Path(__file__).parents[1]


def box(label, left, top, side=100, score=0.9):
    return Named(label, score, (left, top, left + side, top + side))


class Noted:
    """A peer that notes when it was asked."""

    def __init__(self, name, turns):
        self.name, self.turns = name, turns

    def ask(self, do, **more):
        self.turns.append(self.name)
        return {"walls": [1] * more["calls"], "cpu": 1}


BRIGHT = """
from benchmarks.peers.protocol import CannotServeError, Named

PACKAGES = ("numpy",)


IMPORTS = ("numpy", "this")  # which prints, where answers are expected


def load(job):
    assert job.file == "model.tflite" and job.threads == 1
    {load}
    return lambda frame: [Named(job.labels[int(frame.max()) + {off}], 0.5)]
"""


@pytest.fixture
def case(monkeypatch, tmp_path):
    """Return a function that makes peers of stand-ins, run by this very interpreter, and gives a case for them."""
    monkeypatch.setattr(measuring, "python_of", lambda folder, name: Path(sys.executable))
    monkeypatch.setattr(measuring, "import_path", lambda name: f"{ROOT}:{tmp_path}")
    monkeypatch.setattr(measuring, "installed_mb", lambda folder, name: 1.5)
    shown = np.zeros((3, 12, 16, 3), np.uint8)
    shown[..., 2] = np.array([10, 20, 30]).reshape(3, 1, 1)
    np.save(tmp_path / "frames.npy", shown)
    job = Job("", "classify", (8, 8), tuple(f"class {i}" for i in range(256)), int8=False)

    def make(**peers):
        rows = {}
        for name, told in peers.items():
            content = BRIGHT.format(**{"load": "pass", "off": 0, **told})
            (tmp_path / f"stand_in_{name}.py").write_text(content)
            rows[name] = Peer(name, f"stand_in_{name}", "none", told.get("reads", ("tflite",)), "as it is")
        monkeypatch.setattr(measuring, "PEERS", rows)
        monkeypatch.setattr(tables, "PEERS", rows)
        return Case("A case", {"tflite": "model.tflite"}, str(tmp_path / "frames.npy"), job)

    return make


def measured(case, folder, *names):
    return measure(case, folder, names, threads=1, starts=2, rounds=3, calls=4)


def test_a_peer_in_its_own_process_is_asked_what_it_takes_and_what_it_says(case, tmp_path):
    found = measured(case(ours={}, other={}), tmp_path, "ours", "other")
    assert list(found) == ["ours", "other"]
    for one in found.values():
        assert (one.refused, one.kind, one.installed_mb) == ("", "tflite", 1.5)
        assert len(one.import_ms) == len(one.load_ms) == len(one.resident_mb) == 2, "one a start"
        assert len(one.rounds) == len(one.cpu) == 3, "the warm-up is not among them"
        assert min(one.resident_mb) > 1
        assert one.versions["numpy"] == np.__version__
    assert (found["ours"].agrees, found["other"].agrees) == (None, 1.0)


def test_a_peer_that_cannot_serve_or_dies_says_why_and_stops_no_other(case, tmp_path):
    told = case(
        ours={},
        refuses={"load": "raise CannotServeError('no such operator\\nand more')"},
        dies={"load": "raise OSError('a library is missing')"},
        other_file={"reads": ("ncnn",)},
    )
    found = measured(told, tmp_path, "ours", "refuses", "dies", "other_file")
    assert found["refuses"].refused == "no such operator"
    assert found["dies"].refused == "OSError: a library is missing"
    assert found["other_file"].refused == "no file that it reads (ncnn)"
    assert len(found["ours"].rounds) == 3


def test_a_peer_whose_environment_is_not_there_is_passed_over(case, tmp_path, monkeypatch):
    told = case(ours={})
    monkeypatch.setattr(measuring, "python_of", lambda folder, name: tmp_path / "nowhere" / "python")
    assert measured(told, tmp_path, "ours")["ours"].refused == "its environment is not set up"


def test_a_peer_that_answers_otherwise_is_called_neither_slower_nor_faster(case, tmp_path):
    found = measured(case(ours={}, other={"off": 1}), tmp_path, "ours", "other")
    assert found["other"].agrees == 0.0
    run = Run("A case", 1, "a machine", 4, found)
    assert not comparable(run, "other")
    assert against(run, "other") is None
    row = table(run).rows[1]
    assert row[0] == "other"
    assert row[3] == row[5] == "answers differently"
    assert ">other<" not in bars([run])


def test_peers_are_asked_in_turn_and_each_round_begins_with_another():
    turns = []
    peers = {name: Noted(name, turns) for name in "abc"}
    rounds = interleaved(peers, rounds=4, calls=2)
    assert "".join(turns) == "abcbcacababc"
    assert all(set(one) == set(peers) for one in rounds)
    assert rounds[0]["a"]["walls"] == [1, 1]


def test_classes_agree_where_the_best_is_the_same():
    ones = [[Named("cat", 0.9), Named("dog", 0.1)], [Named("dog", 0.6)], []]
    assert agreement(ones, ones, 0.25) == 1.0
    assert agreement(ones, [[Named("cat", 0.4)], [Named("cat", 0.9)], []], 0.25) == 0.5


@pytest.mark.parametrize(
    ("ones", "others", "share"),
    [
        ([box("a", 0, 0)], [box("a", 20, 0)], 1.0),  # two thirds of their area are common
        ([box("a", 0, 0)], [box("a", 60, 0)], 0.0),
        ([box("a", 0, 0)], [box("b", 0, 0)], 0.0),
        ([box("a", 0, 0)], [box("a", 0, 0), box("a", 10, 0)], 2 / 3),  # one of them twice
        ([box("a", 0, 0), box("a", 500, 0, score=0.3)], [box("a", 0, 0)], 1.0),  # hardly surer than it must be
        ([box("a", 0, 0, score=0.3)], [box("a", 0, 0, score=0.9)], 1.0),
        ([], [box("a", 0, 0)], 0.0),
    ],
)
def test_boxes_agree_where_label_and_place_are_the_same(ones, others, share):
    assert agreement([ones], [others], 0.25) == pytest.approx(share)
    assert agreement([others], [ones], 0.25) == pytest.approx(share)


def timed(*rounds, **more):
    numbers = {"import_ms": (1.0,), "load_ms": (2.0,), "resident_mb": (3.0,), "installed_mb": 4.0, "agrees": 1.0}
    return Measured(kind="tflite", rounds=rounds, cpu=rounds, versions={"an engine": "1.0"}, **{**numbers, **more})


def run_of(**peers):
    return Run("A case", 1, "a machine", 10, peers, 0.5)


def test_a_ratio_is_the_median_of_those_of_the_rounds():
    # While the second round ran, the machine was busy: it slowed both.
    run = run_of(ours=timed(1.0, 10.0, 1.0), openvino=timed(2.0, 20.0, 3.0))
    ratio = against(run, "openvino")
    assert (ratio.middle, ratio.low, ratio.high) == (2.0, 2.0, 2.5)
    assert against(run, "ours") is None


def test_where_ours_cannot_read_the_file_ours_on_the_other_engine_is_the_measure():
    run = run_of(ours=Measured(refused="no file"), ours_onnx=timed(1.0, 1.0), opencv=timed(3.0, 3.0))
    assert run.reference == "ours_onnx"
    assert against(run, "opencv").middle == 3.0


def test_the_table_names_peers_that_were_not_measured():
    run = run_of(ours=timed(1.0), ncnn=Measured(refused="no file that it reads (ncnn)"), tutorial=timed(2.0))
    told = table(run)
    assert [row[0] for row in told.rows] == ["Lepton Edge", "LiteRT, tutorial loop"]
    assert any("ncnn, by hand: no file that it reads (ncnn)" in note for note in told.notes)


def test_bars_are_marked_with_ours_and_end_where_they_would_hide_the_others():
    drawn = bars([run_of(ours=timed(1.0), opencv=timed(50.0), tutorial=timed(1.5))])
    assert drawn.count('class="marked"') == 1
    assert ">50.00<" in drawn
    assert drawn.index(">LiteRT, tutorial loop<") < drawn.index(">OpenCV dnn<")


def test_the_page_is_filled_from_what_was_measured_and_its_words_stay(tmp_path):
    (tmp_path / "measured").mkdir()
    run = run_of(ours=timed(1.0), tutorial=timed(1.5))
    (tmp_path / "measured" / "classify_int8.1.json").write_bytes(msgspec.json.encode(run))
    page = tmp_path / "page.md"
    page.write_text("Words.\n<!-- table -->\nold\n<!-- end -->\nMore.\n")
    asked = ["run", "--table", "--folder", str(tmp_path), "--markdown", str(page)]
    done = CliRunner().invoke(main, asked, catch_exceptions=False)
    assert done.exit_code == 0
    text = page.read_text()
    assert text.startswith("Words.\n")
    assert text.endswith("<!-- end -->\nMore.\n")
    assert "old" not in text
    assert "### A case, 1 thread" in text
    assert "1.50 (1.50–1.50)" in text
    assert "(page.svg)" in text
    assert (tmp_path / "page.svg").read_text().startswith("<svg")


def test_cases_of_real_models_want_the_folder_that_has_them(tmp_path):
    done = CliRunner().invoke(main, ["run", "ssd_int8", "--folder", str(tmp_path)])
    assert done.exit_code == 2
    assert "--models" in done.output


def test_every_peer_is_served_by_a_module_in_an_environment_whose_packages_all_have_a_version():
    for peer in PEERS.values():
        assert (ROOT / f"{peer.module.replace('.', '/')}.py").exists()
        assert peer.environment in ENVIRONMENTS
    assert {file.stem for file in PINS.iterdir()} == set(ENVIRONMENTS)
    for file in PINS.iterdir():
        lines = file.read_text().splitlines()
        assert lines, file
        assert all(line.count("==") == 1 and " " not in line for line in lines), file


def test_importing_what_is_served_loads_no_package():
    modules = [*(peer.module for peer in PEERS.values()), "benchmarks.peers.protocol"]
    code = f"import sys; [__import__(one) for one in {modules}]; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env={"PYTHONPATH": ""}
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"numpy", "cv2", "lepton_edge", "lepton_edge_runtime", "ai_edge_litert", "onnxruntime"}


def test_an_environment_that_wants_another_python_says_so(monkeypatch, tmp_path):
    monkeypatch.setitem(environments.ENVIRONMENTS, "opencv", Environment(python="2.5"))
    refused = environments.report(tmp_path, ["opencv"], [])
    assert refused == ["opencv: it needs Python 2.5, which is not here; --python PATH tells where it is"]


def test_an_environment_weighs_what_its_packages_do_without_pip(tmp_path):
    packages = tmp_path / "opencv" / "venv" / "lib" / "python3.11" / "site-packages"
    for name, size in (("cv2/cv2.so", 3_000_000), ("pip/main.py", 5_000_000), ("cv2/__pycache__/a.pyc", 7_000_000)):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_bytes(bytes(size))
    assert environments.installed_mb(tmp_path, "opencv") == 3.0


@pytest.mark.parametrize(("size", "wanted"), [(640, (12, 5, 2)), (320, (6, 1, 0))])
def test_squares_lie_in_the_frame_apart_from_each_other(size, wanted):
    shown, known = frames(3, size, wanted)
    assert shown.shape == (3, 720, 1280, 3)
    for frame, squares in zip(shown, known, strict=True):
        assert len(squares) >= sum(wanted) // 2
        for class_id, (left, top, right, bottom) in squares:
            assert 0 <= left < right <= 1280
            assert 0 <= top < bottom <= 720
            assert LABELS[class_id] in {"red", "green", "blue", "yellow", "cyan", "magenta"}
            assert (frame[top:bottom, left:right] == frame[top, left]).all()


def test_every_made_case_is_named_for_what_it_is():
    for name, made in MADE.items():
        assert name.endswith("int8" if made.scheme == "int8" else "float")
        assert made.build.startswith(name.split("_")[0])
