import inspect
import re

import pytest

from lepton_edge_converters import errors as converter_errors
from lepton_edge_runtime import errors
from lepton_edge_runtime.errors import LeptonError, MissingExtraError


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


def test_a_missing_part_crosses_a_process_unchanged():
    import pickle

    assert str(pickle.loads(pickle.dumps(MissingExtraError("x", extra="pi")))) == str(
        MissingExtraError("x", extra="pi")
    )
