"""The check of what users install must itself be able to fail."""

import sys
import tomllib
import zipfile

from dist_check.builds import ROOT, Built
from dist_check.checks import Installed, light_import, no_training_framework, within_budget
from dist_check.contents import check_both_routes, check_wheel_files
from dist_check.finding import Finding, finding
from dist_check.kits import KITS, RUNTIME
from dist_check.processes import must_run
from dist_check.report import problems

PI = next(kit for kit in KITS if kit.name == "pi")


def wheel(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for member in members:
            archive.writestr(member, "")
    return path


def installed(sizes, heavy=()):
    return Installed(PI, environment=None, subject=None, sizes=sizes, import_ms=1.0, heavy=tuple(heavy), pinned=True)


def test_every_extra_of_both_wheels_is_installed_by_a_kit():
    for distribution, path in (("lepton-edge", ROOT), ("lepton-edge-runtime", ROOT / "runtime")):
        project = tomllib.loads((path / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        extras = {kit.extra for kit in KITS if kit.distribution == distribution}
        assert extras == {"", *project["optional-dependencies"]}


def test_a_file_that_does_not_belong_in_a_wheel_is_found(tmp_path):
    built = wheel(tmp_path / "a.whl", ["lepton_edge_runtime/__init__.py", "tests/test_a.py", "a.dist-info/METADATA"])
    said = list(check_wheel_files(RUNTIME, Built(built, built, built)))
    assert "tests/test_a.py is in it" in said
    assert "lepton_edge_runtime/py.typed is not in it" in said
    assert "lepton_edge_runtime/backends/saturation_probe.onnx is not in it" in said
    assert not any("__init__.py" in one and one.startswith("lepton_edge_runtime/__") for one in said)


def test_wheels_that_differ_by_their_route_are_found(tmp_path):
    one, other = wheel(tmp_path / "a.whl", ["a.py"]), wheel(tmp_path / "b.whl", ["a.py", "b.py"])
    assert list(check_both_routes(RUNTIME, Built(one, one, other))) == ["they differ: b.py"]
    assert list(check_both_routes(RUNTIME, Built(one, one, one))) == []


def test_a_training_framework_on_a_device_is_found():
    assert list(no_training_framework(installed({"numpy": 1, "keras": 1}))) == ["keras is there"]
    assert list(no_training_framework(installed({"numpy": 1}))) == []


def test_a_heavy_import_is_found():
    assert list(light_import(installed({}, heavy=["numpy", "cv2"]))) == ["it loads cv2"]


def test_only_what_comes_on_top_of_the_engine_stack_counts():
    stack = {"numpy": 60_000_000, "opencv-python-headless": 160_000_000, "ai-edge-litert": 60_000_000}
    assert list(within_budget(installed(stack | {"lepton-edge": 10_000_000}))) == []
    assert list(within_budget(installed(stack | {"lepton-edge": 10_000_001}))) == ["it is 10,000,001 bytes over"]


def test_a_command_that_fails_is_a_problem(tmp_path):
    def it_runs():
        """It runs."""
        must_run([sys.executable, "-c", "raise SystemExit('no')"], cwd=tmp_path)
        yield from ()

    (problem,) = finding("here", it_runs, it_runs()).problems
    assert "ended with 1:\nno" in problem


def test_a_problem_is_told_with_its_place_and_its_check():
    def it_is_blue(colour):
        """It is blue."""
        if colour != "blue":
            yield f"it is {colour}"

    found = [finding("sky", it_is_blue, it_is_blue("grey")), finding("sea", it_is_blue, it_is_blue("blue"))]
    assert found[1] == Finding("sea", "It is blue.", ())
    assert problems(found) == ["sky: It is blue.\n  it is grey"]
