"""Documentation that cannot fall behind."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from lepton_edge.cli import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "runtime" / "README.md"])


def test_docs_cli_is_what_the_commands_say():
    script = ROOT / "docs" / "write_cli.py"
    fresh = subprocess.run([sys.executable, str(script), "--print"], capture_output=True, text=True, check=True).stdout
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == fresh, "run: make docs"
    assert all(f"## lepton-edge {name}" in fresh for name in COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_shown_are_commands_that_exist(page):
    blocks = re.findall(
        r"^```(?:console|yaml|ini|dockerfile)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    for name, rest in re.findall(r"lepton-edge (?!-)(\w+) ([^|>;\n]*)", "\n".join(blocks).replace("\\\n", " ")):
        assert name in COMMANDS, name
        known = {one for option in import_module(f"lepton_edge.cli.{name}").command.params for one in option.opts}
        assert set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", rest)) <= known, (name, rest)


def test_every_room_of_the_tree_is_in_the_architecture_page():
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for room in ("runtime/lepton_edge_runtime", "converters/lepton_edge_converters"):
        for path in sorted((ROOT / room).iterdir()):
            if path.name.startswith("_") or path.suffix not in ("", ".py"):
                continue
            assert f"`{path.name}{'/' if path.is_dir() else ''}`" in page, path


def test_the_keys_of_the_manifest_are_in_the_format_page():
    from lepton_edge_runtime import bundle, card, clips, preprocess, tensors, tokens

    page = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")
    for struct in (
        bundle.Manifest, bundle.Provenance, bundle.Measured, card.Card, card.InputCard, card.OutputCard,
        tensors.TensorSpec, tensors.Quant, preprocess.Preprocess, tokens.Tokenize, clips.Clip,
    ):  # fmt: skip
        for field in struct.__struct_fields__:
            assert f"`{field}`" in page, f"{struct.__name__}.{field}"


def test_errors_are_in_the_docs():
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    for source in ("runtime/lepton_edge_runtime/errors.py", "converters/lepton_edge_converters/errors.py"):
        for code in re.findall(
            r'code(?:: ClassVar\[str\])? = "([A-Z_]+)"', (ROOT / source).read_text(encoding="utf-8")
        ):
            assert f"`{code}`" in page, code


def test_gates_findings_and_metrics_are_in_the_docs():
    from lepton_edge_converters.metrics.choice import METRICS
    from lepton_edge_converters.recipe import Gates

    page = (ROOT / "docs" / "gates.md").read_text(encoding="utf-8")
    room = ROOT / "converters" / "lepton_edge_converters"
    found = {
        code
        for source in ("samples/lint.py", "lint.py")
        for code in re.findall(r'(?:Finding|_Other)\(\s*"([A-Z_]+)"', (room / source).read_text(encoding="utf-8"))
    }
    assert len(found) == 14
    for name in (*found, *METRICS, *Gates.__struct_fields__):
        assert f"`{name}`" in page, name
