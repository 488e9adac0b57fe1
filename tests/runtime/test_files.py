"""Inspection, verification, drawing."""

import re
import zipfile

import cv2
import msgspec
import numpy as np
import pytest

import lepton_edge as le
from lepton_edge_runtime.bundle import Bundle, write_bundle
from lepton_edge_runtime.errors import BundleError, ModelFileError
from lepton_edge_runtime.timing import time_interleaved


def test_inspection_tells_card_operators_and_sizes(bundle):
    found = le.inspect(bundle)
    assert found.card.labels == ("a", "b", "c", "d")
    assert found.files["model.tflite"].counts()["CONV_2D"] == 1
    assert found.files["model.onnx"].counts()["Conv"] == 2
    assert found.size_bytes == bundle.stat().st_size
    plain = found.to_dict()
    assert plain["measured"]["model.tflite"]["accuracy"] > 0.9
    assert plain["recipe"]["scheme"] == "int8"


def test_a_good_bundle_is_verified_on_every_backend(bundle):
    assert [check.outcome for check in le.verify(bundle)] == ["passed"] * 3


def test_a_model_exchanged_for_another_fails(bundle, tmp_path):
    whole = Bundle(bundle)
    members = {name: whole.member(name) for name in whole.manifest.members}
    # Weights of the dense layer, somewhere in the middle of the file, are shuffled; the hash is made to fit.
    weights = bytearray(members["model.tflite"])
    at = weights.index(read_largest_buffer(bytes(weights)))
    weights[at : at + 3000] = bytes(reversed(weights[at : at + 3000]))
    changed = tmp_path / "changed.lepton"
    write_bundle(changed, whole.manifest, {**members, "model.tflite": bytes(weights)})
    outcomes = {check.what: check.outcome for check in le.verify(changed)}
    assert outcomes == {"hashes": "passed", "golden samples, tflite": "failed", "golden samples, onnx": "passed"}


def read_largest_buffer(content):
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    buffers = [model.Buffers(i).DataAsNumpy() for i in range(model.BuffersLength())]
    return max((b.tobytes() for b in buffers if isinstance(b, np.ndarray)), key=len)


def test_a_changed_file_is_not_even_opened(bundle, tmp_path):
    content = bytearray(bundle.read_bytes())
    content[len(content) // 2] ^= 1
    changed = tmp_path / "changed.lepton"
    changed.write_bytes(content)
    checks = le.verify(changed)
    assert [check.outcome for check in checks] == ["failed", "skipped", "skipped"]
    assert re.search("model.*(cannot be read|wrong SHA-256)", checks[0].detail)


@pytest.fixture
def exchanged(bundle, tmp_path):
    """Return a function: the bundle with members exchanged, and hashes that fit."""

    def exchange(manifest=None, **members):
        whole = Bundle(bundle)
        kept = {name: whole.member(name) for name in whole.manifest.members}
        new = {name.replace("_", "."): content for name, content in members.items()}
        write_bundle(tmp_path / "changed.lepton", manifest or whole.manifest, {**kept, **new})
        return tmp_path / "changed.lepton"

    return exchange


def test_a_broken_model_file_hides_nothing_of_the_rest(exchanged):
    found = le.inspect(exchanged(model_onnx=b"\x3a\xff"))
    assert found.card.labels == ("a", "b", "c", "d")
    assert list(found.files) == ["model.tflite"]
    assert found.not_read == {"model.onnx": "this is no ONNX file, or a broken one: it ends within a number"}


def test_broken_golden_samples_are_a_failed_check(exchanged):
    checks = le.verify(exchanged(golden_npz=b"rubbish"))
    assert [check.outcome for check in checks] == ["passed", "failed", "failed"]
    assert "golden.npz is no set of golden samples" in checks[1].detail


@pytest.mark.parametrize("limit", [64.0, 1e308])
def test_a_tolerance_that_any_answer_passes_is_a_failed_check(bundle, exchanged, limit):
    manifest = msgspec.structs.replace(Bundle(bundle).manifest, tolerance={"model.tflite": (limit,)})
    check = le.verify(exchanged(manifest))[1]
    assert check.outcome == "failed"
    assert f"the tolerance of 'classes' is {limit:g}; one above 63 proves nothing" in check.detail
    with pytest.raises(BundleError, match="above 63 proves nothing"):
        le.open_model(exchanged(manifest), backend="tflite")


@pytest.mark.parametrize("name", ["m.tflite", "m.onnx"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"nonsense" * 9)
    for attempt in (le.open_model, le.inspect, le.verify):
        with pytest.raises(ModelFileError, match=f"{name}: this is no (ONNX|TFLite) file"):
            attempt(tmp_path / name)


def test_a_member_that_is_whole_and_another_one_is_a_failed_hash(bundle, tmp_path):
    changed = tmp_path / "changed.lepton"
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name) + (b"more" if name == "model.onnx" else b""))
    assert le.verify(changed)[0].detail == (
        f"{changed}: model.onnx is not the file that the manifest describes (wrong SHA-256)"
    )


def test_drawing_leaves_the_frame_alone(bundle, frame):
    large = cv2.resize(frame, (640, 480))
    before = large.copy()
    with le.open_model(bundle) as model:
        drawn = model(large).draw(large)
    np.testing.assert_array_equal(large, before)
    assert (drawn[:40, :60] > 200).any()  # white letters in the corner; smoothed, OpenCV 4 leaves none at 255
    np.testing.assert_array_equal(drawn[-100:], before[-100:])


def test_timing_interleaves_its_calls():
    order = []
    found = time_interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, seconds=0, runs_max=5)
    assert order == ["a", "b"] * 4  # one warm-up, three rounds
    assert found["a"].runs == 3
    assert 0 <= found["a"].minimum_ms <= found["a"].median_ms
