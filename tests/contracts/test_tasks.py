"""Every row of TASKS and of HEADS, and every reader of bare files."""

from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from lepton_edge_runtime.backends import BACKENDS
from lepton_edge_runtime.bare.files import READERS
from lepton_edge_runtime.errors import ModelFileError
from lepton_edge_runtime.heads import AnchorLevel, Head, Ssd, task_of
from lepton_edge_runtime.tasks import TASKS
from lepton_edge_runtime.tasks.boxes import HEADS

FORMAT = (Path(__file__).parents[2] / "docs" / "format.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TASKS)
def test_a_task_can_be_made_and_is_in_the_format_page(name):
    module = import_module(f"lepton_edge_runtime.tasks.{TASKS[name].module}")
    assert callable(module.make)
    assert f"`{name}`" in FORMAT


@pytest.mark.parametrize("head", get_args(Head))
def test_a_head_is_in_the_format_page_and_a_task_decodes_it(head):
    assert f"`{head.__struct_config__.tag}`" in FORMAT
    made = head() if head is not Ssd else head(levels=(AnchorLevel(rows=1, columns=1, shapes=((1, 1),)),))
    assert task_of(made) in TASKS


def test_heads_of_boxes_have_modules():
    for kind, module in HEADS.items():
        assert callable(import_module(f"lepton_edge_runtime.tasks.boxes.{module}").make), kind


@pytest.mark.parametrize("suffix", READERS)
def test_a_reader_has_one_engine_and_refuses_what_is_not_its_own(suffix):
    member, read = READERS[suffix]
    assert [engine.member for engine in BACKENDS.values()].count(member) == 1
    for content in (b"", b"\0" * 64, b"PK\x03\x04" * 16, b"hello, I am no model"):
        with pytest.raises(ModelFileError, match="no TFLite file|no ONNX file|broken"):
            read(content)
