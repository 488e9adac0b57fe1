"""Every row of TASKS and of HEADS, and every reader of bare files."""

from importlib import import_module
from pathlib import Path

import pytest

from lepton_edge_runtime.backends import BACKENDS
from lepton_edge_runtime.errors import ModelFileError
from lepton_edge_runtime.opening import READERS
from lepton_edge_runtime.tasks import TASKS
from lepton_edge_runtime.tasks.detect import HEADS

FORMAT = (Path(__file__).parents[2] / "docs" / "format.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TASKS)
def test_a_task_can_be_made_and_is_in_the_format_page(name):
    module = import_module(f"lepton_edge_runtime.tasks.{TASKS[name].module}")
    assert callable(module.make)
    assert f"`{name}`" in FORMAT


@pytest.mark.parametrize("name", HEADS)
def test_a_head_is_in_the_format_page(name):
    assert f"`{name}`" in FORMAT


@pytest.mark.parametrize("suffix", READERS)
def test_a_reader_has_one_engine_and_refuses_what_is_not_its_own(suffix):
    member, read = READERS[suffix]
    assert [engine.member for engine in BACKENDS.values()].count(member) == 1
    for content in (b"", b"\0" * 64, b"PK\x03\x04" * 16, b"hello, I am no model"):
        with pytest.raises(ModelFileError, match="no TFLite file|no ONNX file|broken"):
            read(content)
