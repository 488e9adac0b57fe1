"""Importing costs nothing, names are what they seem, and the rooms keep their promises."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lepton_edge
import lepton_edge_runtime

ROOT = Path(__file__).parents[2]
HEAVY = {
    "numpy", "cv2", "tensorflow", "keras", "onnx", "onnxruntime", "ai_edge_litert", "tf2onnx", "msgspec", "click",
    "rich", "jinja2", "sklearn", "lepton_edge_converters",
}  # fmt: skip
SOURCES = [
    path
    for room in ("lepton_edge", "runtime/lepton_edge_runtime", "converters/lepton_edge_converters")
    for path in sorted((ROOT / room).rglob("*.py"))
]


def modules_after(code):
    script = f"{code}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}


def test_importing_lepton_edge_loads_nothing_heavy():
    assert modules_after("import lepton_edge") & HEAVY == set()


def test_importing_the_runtime_loads_nothing_heavy():
    assert modules_after("import lepton_edge_runtime") & HEAVY == set()


def test_a_device_never_loads_the_converters(bundle, video):
    code = (
        "from lepton_edge.cli import execute\n"
        f"assert execute(['run', {str(bundle)!r}, '--camera', {str(video)!r}, '--max-frames', '1']) == 0"
    )
    loaded = modules_after(code)
    workstation = {"tensorflow", "keras", "onnx", "tf2onnx", "rich", "jinja2", "sklearn", "lepton_edge_converters"}
    assert loaded & workstation == set()
    assert {"numpy", "cv2", "ai_edge_litert"} <= loaded
    assert "onnxruntime" not in loaded  # the first engine served: no other is opened


def test_preparing_pictures_needs_no_engine():
    assert modules_after("import lepton_edge as le; le.Preprocess; le.LeptonError") & {"cv2", "ai_edge_litert"} == set()


@pytest.mark.parametrize("package", [lepton_edge, lepton_edge_runtime])
def test_public_names_are_those_that_analysers_see(package):
    tree = ast.parse(Path(package.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {alias.asname: f"{node.module}" for node in block.body for alias in node.names}
    prefix = "" if package is lepton_edge else f"{package.__name__}."
    assert typed == {name: prefix + home for name, home in package._HOMES.items()}
    assert package.__all__ == sorted(typed)
    for name in package.__all__:
        assert getattr(package, name).__module__.startswith("lepton_edge")
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = package.nothing


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_files_are_small_and_named_for_what_they_hold(path):
    assert path.stem not in {"utils", "helpers", "common", "core", "misc", "base", "manager"}
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_a_new_module_belongs_to_a_layer_or_the_lint_says_so():
    contracts = settings()["importlinter"]["contracts"]
    rooms = [one for one in contracts if "containers" in one]
    assert {container for one in rooms for container in one["containers"]} == {
        "lepton_edge_runtime", "lepton_edge_converters",
    }  # fmt: skip
    assert all(one.get("exhaustive") for one in rooms)


def test_the_examples_in_docstrings_of_every_room_are_run():
    tools = settings()
    shipped = tools["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {package.split("/")[0] for package in shipped} <= set(tools["pytest"]["ini_options"]["testpaths"])


def settings():
    import tomllib

    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]


def test_the_changelog_knows_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {lepton_edge.__version__}" in changelog


def test_extras_named_in_errors_exist():
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {
        extra
        for path in SOURCES
        for extra in re.findall(
            r"""lepton-edge\[(\w+)\]|extra="(\w+)"|install_command\(['"](\w+)""", path.read_text(encoding="utf-8")
        )
        for extra in extra
        if extra
    }
    assert named <= set(extras)


def test_the_device_needs_no_tensorflow():
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for name in ("tflite", "onnx", "camera", "pi", "desktop"):
        assert not any("tensorflow" in need or "convert" in need for need in extras[name])
