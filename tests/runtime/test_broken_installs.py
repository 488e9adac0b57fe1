"""Parts that are installed and cannot be imported: an old glibc, a library that is not there."""

import subprocess
import sys

import pytest

REASON = "libGL.so.1: cannot open shared object file"


@pytest.fixture
def without(tmp_path):
    """Return a function: run a script in a Python where a package is there and broken; return what it printed."""

    def run(package, script):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(f"raise ImportError({REASON!r})\n")
        # As -c would, but with the broken package before the whole one.
        start = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{script}"
        done = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_auto_goes_on_when_an_engine_cannot_be_imported(without, bundle):
    out = without(
        "ai_edge_litert",
        f"import lepton_edge as le; model = le.open_model({str(bundle)!r}); print(model.choice)",
    )
    assert out.startswith("onnx (onnxruntime ")
    assert f"not tflite: ai-edge-litert is installed and cannot be imported: {REASON}" in out


def test_an_engine_asked_for_by_name_says_why_it_cannot_be_imported(without, bundle):
    out = without(
        "onnxruntime",
        "import lepton_edge as le\n"
        f"try: le.open_model({str(bundle)!r}, backend='onnx')\n"
        "except le.LeptonError as error: print(error.code, error)",
    )
    assert out.startswith(f"BACKEND onnxruntime is installed and cannot be imported: {REASON}; ")


def test_verify_does_not_blame_the_bundle_for_a_broken_engine(without, bundle):
    out = without("ai_edge_litert", f"from lepton_edge.cli import execute; print(execute(['verify', {str(bundle)!r}]))")
    hashes, tflite, onnx, status = out.splitlines()
    assert [line.split()[0] for line in (hashes, tflite, onnx)] == ["passed", "skipped", "passed"]
    assert f"cannot be imported: {REASON}" in tflite
    assert status == "0"


def test_an_opencv_that_cannot_be_imported_is_not_called_missing(without, bundle, folder):
    out = without(
        "cv2",
        "import lepton_edge as le\n"
        f"model = le.open_model({str(bundle)!r})\n"  # tensors need no OpenCV
        f"try: model({str(folder / '0.png')!r})\n"
        "except le.LeptonError as error: print(error.code, error)",
    )
    assert out.startswith(f"BROKEN_EXTRA OpenCV (cv2) is installed and cannot be imported: {REASON}; ")
    assert "opencv-python-headless" in out


def test_a_bundle_is_inspected_without_the_engine_that_reads_one_file_of_it(without, bundle):
    out = without("ai_edge_litert", f"from lepton_edge.cli import execute; execute(['inspect', {str(bundle)!r}])")
    assert "input    picture uint8 1×24×24×3" in out
    assert "QuantizeLinear" in out
    assert f"not read: LiteRT (ai_edge_litert) is installed and cannot be imported: {REASON}" in out


def test_what_was_not_read_is_in_the_json_too(without, bundle):
    script = f"from lepton_edge.cli import execute; execute(['inspect', {str(bundle)!r}, '--json'])"
    out = without("ai_edge_litert", script)
    assert '"not_read": {\n    "model.tflite": "LiteRT' in out
