import inspect
import re
from importlib import metadata
from pathlib import Path

import pytest

from lepton_edge_converters import errors as converter_errors
from lepton_edge_runtime import errors
from lepton_edge_runtime.errors import LeptonError, MissingExtraError, requirement


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


@pytest.mark.parametrize(
    ("installed", "advised"),
    [
        ({"lepton-edge"}, "lepton-edge"),
        ({"lepton-edge-runtime"}, "lepton-edge-runtime"),
        ({"lepton-edge", "lepton-edge-runtime"}, "lepton-edge"),
        (set(), "lepton-edge"),
    ],
)
def test_advice_names_the_distribution_that_is_installed(monkeypatch, installed, advised):
    # The two hold the same package, and must not sit beside each other.
    def distribution(name):
        if name not in installed:
            raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", distribution)
    assert requirement(extra="tflite") == f"'{advised}[tflite]'"
    assert str(MissingExtraError("x", extra="tflite")).endswith(f"pip install '{advised}[tflite]'")


def test_all_advice_asks_which_distribution_is_installed():
    for path in Path(errors.__file__).parent.rglob("*.py"):
        assert path.name == "errors.py" or "lepton-edge[" not in path.read_text(), path


def test_a_missing_part_crosses_a_process_unchanged():
    import pickle

    assert str(pickle.loads(pickle.dumps(MissingExtraError("x", extra="pi")))) == str(
        MissingExtraError("x", extra="pi")
    )
