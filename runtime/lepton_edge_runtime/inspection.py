"""What a bundle or a model file holds, read without running it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from lepton_edge_runtime.bare.files import READERS, is_bare, read_bare
from lepton_edge_runtime.bundle import Bundle, Manifest
from lepton_edge_runtime.card import Card
from lepton_edge_runtime.description import Description
from lepton_edge_runtime.errors import (
    BrokenExtraError,
    BundleError,
    MissingExtraError,
    ModelFileError,
    PreprocessError,
)
from lepton_edge_runtime.formats import ModelFile
from lepton_edge_runtime.opening import draft_card, given_by_user
from lepton_edge_runtime.preprocess import Preprocess


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file holds.

    Attributes:
        path: The file.
        size_bytes: Its size.
        card: What the model takes and answers, or is taken for; ``None`` for a bare file that cannot be served.
        manifest: Of a bundle.
        files: Each model file's operators and ends, by member name.
        sizes: Bytes of each member.
        assumptions: What neither a bare file nor the user says of it, one sentence each.
        obstacle: Why a bare file cannot be served, in one sentence.
        not_read: Why a model file is not among ``files``, by member name.
    """

    path: Path
    size_bytes: int
    card: Card | None
    manifest: Manifest | None
    files: Mapping[str, ModelFile]
    sizes: Mapping[str, int]
    assumptions: tuple[str, ...] = ()
    obstacle: str = ""
    not_read: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "path": str(self.path),
            "size_bytes": self.size_bytes,
            "card": msgspec.to_builtins(self.card),
            "assumptions": list(self.assumptions),
            "obstacle": self.obstacle or None,
            "provenance": msgspec.to_builtins(self.manifest.provenance) if self.manifest else None,
            "measured": msgspec.to_builtins(self.manifest.measured) if self.manifest else {},
            "recipe": msgspec.json.decode(self.manifest.recipe) if self.manifest else {},
            "members": {name: {"size_bytes": size} for name, size in self.sizes.items()},
            "models": {
                name: {
                    "operators": file.counts(),
                    "macs": file.macs or None,
                    "inputs": msgspec.to_builtins(file.inputs),
                    "outputs": msgspec.to_builtins(file.outputs),
                    "versions": dict(file.versions),
                    "metadata": str(file.hints or "") or None,
                }
                for name, file in self.files.items()
            },
            "not_read": dict(self.not_read),
        }


def inspect(
    path: str | Path,
    *,
    labels: Sequence[str] | str | Path | None = None,
    preprocess: Preprocess | None = None,
    task: str | None = None,
    description: Description | str | Path | None = None,
) -> Inspection:
    """Return what a bundle, a ``.tflite`` or an ``.onnx`` file holds; nothing is run.

    Args:
        path: The file.
        labels: Names of the classes of a bare file, or a text file with one a line.
        preprocess: For its inputs that take pictures.
        task: Row of ``TASKS``.
        description: More that is said of the model, or the TOML file that says it; what stands above goes before.

    Raises:
        BundleError, ModelFileError: It cannot be read.
        MissingExtraError, BrokenExtraError: A bare ``.tflite`` file without LiteRT, whose schema reads it.
    """
    path = Path(path)
    if is_bare(path):
        return _inspect_bare(path, given_by_user(labels, preprocess, task, description))
    bundle = Bundle(path)
    contents = {name: bundle.member(name) for name in bundle.manifest.members}
    files, not_read = _read_files(contents)
    sizes = {name: len(content) for name, content in contents.items()}
    return Inspection(path, path.stat().st_size, bundle.card, bundle.manifest, files, sizes, not_read=not_read)


def _inspect_bare(path: Path, given: Description) -> Inspection:
    bare = read_bare(path)
    size = len(bare.content)
    found = Inspection(path, size, None, None, {bare.member: bare.file}, {bare.member: size})
    try:
        draft = draft_card(path, bare, given)
    except (BundleError, ModelFileError, PreprocessError) as refused:
        return replace(found, obstacle=str(refused))
    return replace(found, card=draft.card, assumptions=draft.assumptions)


def _read_files(contents: Mapping[str, bytes]) -> tuple[dict[str, ModelFile], dict[str, str]]:
    """Return what each model file of a bundle says of itself, and why others cannot be read."""
    files: dict[str, ModelFile] = {}
    not_read: dict[str, str] = {}
    for member, read in READERS.values():
        if member in contents:
            try:
                files[member] = read(contents[member])
            except (MissingExtraError, BrokenExtraError, ModelFileError) as reason:
                not_read[member] = str(reason)
    return files, not_read
