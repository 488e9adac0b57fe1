"""adopt(): a bundle of a model file of others, tried in a process of its own; nothing is converted."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.backends import BACKENDS, backend_of
from lepton_edge_runtime.bare.files import is_bare, read_bare
from lepton_edge_runtime.bundle import GOLDEN, Manifest, Provenance, check_output, write_bundle
from lepton_edge_runtime.card import Card, OutputCard
from lepton_edge_runtime.description import Description
from lepton_edge_runtime.errors import ModelCrashesError, ModelFileError, OutputError
from lepton_edge_runtime.golden import FLOAT_SHARE, ONNX_FLOAT_SHARE, ONNX_STEPS, encode_golden
from lepton_edge_runtime.opening import draft_card, given_by_user
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.probe import Probe, Probed
from lepton_edge_runtime.text import printable

ROUTE = "adopted, not converted"
"""What the provenance of an adopted file says of how it was made."""

_SAMPLES = 2
# Kernels of integers that the converter never writes may round otherwise on other processors.
_STEPS = 2.0


@dataclass(frozen=True, slots=True)
class Adoption:
    """What became of a model file.

    Attributes:
        output: The bundle.
        size_bytes: Its size.
        card: What the model takes and answers, or is taken for.
        assumptions: What neither its file nor the caller says, one sentence each.
        engine: Which engine recorded the golden samples, with its version.
    """

    output: Path
    size_bytes: int
    card: Card
    assumptions: tuple[str, ...]
    engine: str

    def to_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "output": str(self.output),
            "size_bytes": self.size_bytes,
            "card": msgspec.to_builtins(self.card),
            "assumptions": list(self.assumptions),
            "engine": self.engine,
        }


def adopt(
    model: str | Path,
    output: str | Path,
    *,
    labels: Sequence[str] | str | Path | None = None,
    preprocess: Preprocess | None = None,
    task: str | None = None,
    description: Description | str | Path | None = None,
    force: bool = False,
    timeout_seconds: float = 60.0,
) -> Adoption:
    """Make a bundle of a ``.tflite`` or ``.onnx`` file, whose bytes go in unchanged.

    The file is loaded and run in a process of its own; its answers to seeded synthetic samples become
    the bundle's golden samples. No accuracy is claimed. The same file gives the same bytes, on the same versions
    and processor features.

    Args:
        model: The file.
        output: The bundle to write, ``NAME.lepton``.
        labels: Names of the classes, or a text file with one a line.
        preprocess: For the inputs that take pictures.
        task: Row of ``TASKS``.
        description: More that is said of the model, or the TOML file that says it; what stands above goes before.
        force: Replace an existing bundle.
        timeout_seconds: Longest that loading and running may take.

    Raises:
        ModelFileError, PreprocessError: The file cannot be read or served, or contradicts what was given.
        ModelCrashesError: It kills the process that loads it, or does not answer in time.
        BackendError, MissingExtraError: Its engine refuses it, or is not installed.
        OutputError: The bundle cannot be written there.
    """
    path, output = Path(model), check_output(Path(output), force=force)
    if not is_bare(path):
        raise ModelFileError(f"only .tflite and .onnx files, or a zip of one, can be adopted, not {path.name}")
    bare = read_bare(path)
    member, content, backend = bare.member, bare.content, backend_of(bare.member)
    draft = draft_card(path, bare, given_by_user(labels, preprocess, task, description))
    with Probe(timeout_seconds=timeout_seconds) as probe:
        try:
            probed = probe.run(backend, content, draft.card, range(_SAMPLES))
        except ModelCrashesError as crash:
            raise ModelCrashesError(f"{path} is not safe to load: {crash}") from crash
        except ModelFileError as refused:
            raise ModelFileError(f"{path}: {refused}") from refused
    manifest = Manifest(
        card=probed.card,
        provenance=Provenance(
            source=printable(path.name),
            source_sha256=hashlib.sha256(content).hexdigest(),
            route={member: ROUTE},
            versions=_versions(BACKENDS[backend].distribution),
        ),
        tolerance={member: _tolerances(probed, backend)},
        members={},
    )
    try:
        write_bundle(output, manifest, {member: content, GOLDEN: encode_golden(probed.golden)})
    except OSError as problem:
        raise OutputError(f"cannot write {output}: {problem.strerror}") from problem
    return Adoption(output, output.stat().st_size, probed.card, draft.assumptions, probed.engine)


def _tolerances(probed: Probed, backend: str) -> tuple[float, ...]:
    ends = zip(probed.card.outputs, probed.golden.outputs, strict=True)
    return tuple(_tolerance(end, golden, backend) for end, golden in ends)


def _tolerance(end: OutputCard, golden: NDArray[Any], backend: str) -> float:
    if np.dtype(end.tensor.dtype).kind != "f":
        return (ONNX_STEPS if backend == "onnx" else _STEPS) if end.tensor.quant else 0.0
    # An ONNX file may be full of integers inside, and hide it: they are allowed for.
    share = ONNX_FLOAT_SHARE if backend == "onnx" else FLOAT_SHARE
    return max(share * float(np.abs(golden.astype(np.float64)).max(initial=0.0)), 1e-6)


def _versions(engine: str) -> dict[str, str]:
    found = {}
    for name in ("lepton-edge", "lepton-edge-runtime", engine, "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # either the whole of Lepton Edge is installed, or its runtime alone
    return found
