"""What is asked for, what is pinned, and that the two wheels and the constraint files agree."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "constraints.txt", *sorted((ROOT / "constraints").glob("*.txt"))]
PI = sorted((ROOT / "constraints").glob("raspberry-pi-*.txt"))
DEVICE = ("tflite", "onnx", "camera")


def project(path="pyproject.toml"):
    return tomllib.loads((ROOT / path).read_text(encoding="utf-8"))["project"]


def asked_for(*extras):
    """Return the requirements of the base and of extras, references of one extra to another left out."""
    found = project()
    lines = [*found["dependencies"], *(line for extra in extras for line in found["optional-dependencies"][extra])]
    return [one for one in map(Requirement, lines) if one.name != "lepton-edge"]


def pinned(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    return {canonicalize_name(name): Version(version) for name, version in (line.split("==") for line in lines)}


def lower_bound(requirement):
    (bound,) = (one.version for one in requirement.specifier if one.operator == ">=")
    return Version(bound)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_pins_name_exact_versions_and_nothing_else(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line) for line in lines)
    assert len(pinned(path)) == len(lines)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_pins_are_versions_that_are_allowed(path):
    versions = pinned(path)
    extras = DEVICE if path in PI else (*DEVICE, "convert", "demo")
    wrong = [
        f"{one} but {versions[canonicalize_name(one.name)]}"
        for one in asked_for(*extras)
        if not one.specifier.contains(versions.get(canonicalize_name(one.name), "0"))
    ]
    assert wrong == []


@pytest.mark.parametrize("path", PI, ids=lambda path: path.stem)
def test_a_raspberry_pi_is_pinned_whole_and_without_training_frameworks(path):
    assert {"ml-dtypes", "protobuf", "flatbuffers", "tqdm"} <= set(pinned(path))  # what LiteRT brings along
    assert not {"tensorflow", "keras", "onnx", "tf2onnx", "torch"} & set(pinned(path))


def test_both_raspberry_pi_systems_have_their_pins():
    assert [path.stem for path in PI] == ["raspberry-pi-bookworm", "raspberry-pi-trixie"]


def test_the_lowest_versions_tried_are_the_lowest_allowed():
    versions = pinned(ROOT / "constraints" / "lowest.txt")
    for one in asked_for(*DEVICE, "mqtt", "desktop", "convert", "demo"):
        bound, tried = lower_bound(one).release, versions[canonicalize_name(one.name)].release
        assert tried[: len(bound)] == bound, f"{one} but {tried} is tried"


def test_the_runtime_only_wheel_asks_for_what_the_full_one_asks_of_a_device():
    full, alone = project(), project("runtime/pyproject.toml")
    assert alone["dependencies"] == [line for line in full["dependencies"] if not line.startswith("click")]
    extras = alone["optional-dependencies"]
    renamed = {
        extra: [line.replace("lepton-edge-runtime", "lepton-edge") for line in extras[extra]] for extra in extras
    }
    assert renamed == {extra: full["optional-dependencies"][extra] for extra in (*DEVICE, "mqtt", "pi", "desktop")}
    for key in ("requires-python", "license", "classifiers"):
        assert alone[key] == full[key]


def test_both_wheels_carry_the_same_licence():
    assert (ROOT / "LICENSE").read_bytes() == (ROOT / "runtime" / "LICENSE").read_bytes()
