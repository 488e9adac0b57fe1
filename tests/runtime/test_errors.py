import inspect
import re
import sys

import pytest

from lepton_edge_converters import errors as converter_errors
from lepton_edge_runtime import errors
from lepton_edge_runtime.errors import BrokenInstallError, LeptonError, MissingExtraError
from lepton_edge_runtime.images import opencv


@pytest.mark.parametrize("module", [errors, converter_errors])
def test_the_tree_drawn_is_the_tree(module):
    classes = {
        name: cls
        for name, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, LeptonError) and cls.__module__ == module.__name__
    }
    drawn = dict(re.findall(r"(\w+Error)\s+([A-Z_]+)\s", module.__doc__))
    drawn.pop("LeptonError", None)
    classes.pop("LeptonError", None)
    assert drawn == {name: cls.code for name, cls in classes.items()}


def test_codes_are_unique():
    found = [
        cls.code
        for module in (errors, converter_errors)
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, LeptonError) and cls.__module__ == module.__name__
    ]
    assert len(found) == len(set(found))


def test_a_missing_part_names_the_extra_that_brings_it():
    assert str(MissingExtraError("backend 'onnx'", extra="onnx")) == (
        "backend 'onnx' is not installed. Try: pip install 'lepton-edge[onnx]'"
    )


def test_beside_the_runtime_only_wheel_the_other_is_never_advised(monkeypatch):
    monkeypatch.setattr("lepton_edge_runtime.errors.find_spec", lambda name: None)
    assert "pip install 'lepton-edge-runtime[camera]'" in str(MissingExtraError("OpenCV (cv2)", extra="camera"))


def test_an_opencv_that_cannot_be_imported_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cv2", raising=False)
    # Around the cache, which holds the real one.
    with pytest.raises(BrokenInstallError, match=r"installed and cannot be imported: libGL\.so\.1"):
        opencv.__wrapped__()


def test_a_missing_part_crosses_a_process_unchanged():
    import pickle

    assert str(pickle.loads(pickle.dumps(MissingExtraError("x", extra="pi")))) == str(
        MissingExtraError("x", extra="pi")
    )
