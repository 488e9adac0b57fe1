"""Whether a file is whole, and every installed engine answers it as it should."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lepton_edge_runtime.backends import BACKENDS, backend_of
from lepton_edge_runtime.bare.files import is_bare, read_bare
from lepton_edge_runtime.bundle import Bundle
from lepton_edge_runtime.choice import check_golden, engine_version, open_proved
from lepton_edge_runtime.description import Description
from lepton_edge_runtime.errors import BackendError, BundleError, LeptonError, ModelCrashesError
from lepton_edge_runtime.opening import draft_card, given_by_user, read_candidate
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.probe import Probe
from lepton_edge_runtime.results import Origin, Timing
from lepton_edge_runtime.tasks import make_decoder
from lepton_edge_runtime.tokens.vocabulary import VOCABULARY, VOCABULARY_BYTES_MAX, decode_vocabulary

HASHES = "hashes"
FILE = "file"
WORDS = "vocabulary"
READINGS = (HASHES, FILE, WORDS)
"""What checks are called in which nothing but the file is read; in the others engines answer."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: ``passed``, ``failed``, or ``skipped`` with the reason in ``detail``."""

    what: str
    outcome: Literal["passed", "failed", "skipped"]
    detail: str


def verify(
    path: str | Path,
    *,
    threads: int = 1,
    labels: Sequence[str] | str | Path | None = None,
    preprocess: Preprocess | None = None,
    task: str | None = None,
    description: Description | str | Path | None = None,
) -> list[Check]:
    """Return a check of every member's hash, and of the golden samples on every installed backend.

    Of a bare ``.tflite`` or ``.onnx`` file: whether ``open_model`` opens it, and its engine answers. Engines run in a
    process of their own, so a model that crashes one is a failed check. No engine is given a bundle whose members are
    not as its manifest says.

    Args:
        path: The file.
        threads: Of each engine.
        labels: Names of the classes of a file of others, or a text file with one a line.
        preprocess: For its inputs that take pictures.
        task: Row of ``TASKS``.
        description: More that is said of the model, or the TOML file that says it; what stands above goes before.

    Raises:
        BundleError: The file is no bundle, or its manifest cannot be read.
        ModelFileError, PreprocessError: The bare file cannot be read or served.
    """
    path, given = Path(path), given_by_user(labels, preprocess, task, description)
    with Probe() as probe:
        if is_bare(path):
            return _check_bare(path, threads, given, probe)
        bundle = Bundle(path)
        try:
            for name in bundle.manifest.members:
                bundle.member(name)
        except BundleError as changed:
            untried = [Check(_golden(name), "skipped", "the bundle was changed") for name in BACKENDS]
            return [Check(HASHES, "failed", str(changed)), *untried]
        checks = [Check(HASHES, "passed", f"{len(bundle.manifest.members)} members are as the manifest says")]
        checks += _check_vocabulary(bundle)
        return checks + [_check_engine(name, bundle, threads, given, probe) for name in BACKENDS]


def _check_vocabulary(bundle: Bundle) -> list[Check]:
    """Return whether the vocabulary of a model that takes texts is as its card says."""
    checks = []
    for end in bundle.card.inputs:
        if end.tokenize is not None:
            try:
                decode_vocabulary(bundle.member(VOCABULARY, bytes_max=VOCABULARY_BYTES_MAX), end.tokenize)
            except BundleError as refused:
                checks.append(Check(WORDS, "failed", str(refused)))
            else:
                checks.append(Check(WORDS, "passed", f"{end.tokenize.size:,} tokens, each once"))
    return checks


def _check_bare(path: Path, threads: int, given: Description, probe: Probe) -> list[Check]:
    bare = read_bare(path)
    card = draft_card(path, bare, given).card
    name = backend_of(bare.member)
    checks = [Check(FILE, "passed", f"{len(bare.file.operators)} operators, task {card.task}")]
    what = f"first run, {name}"
    if not BACKENDS[name].installed:
        return [*checks, Check(what, "skipped", f"{BACKENDS[name].distribution} is not installed")]
    try:
        engine = probe.call("lepton_edge_runtime.verification:answer_zeros", name, path, threads, given)
    except LeptonError as refused:
        return [*checks, Check(what, "failed", str(refused))]
    return [*checks, Check(what, "passed", f"answers zeros, {engine}; there are no golden samples")]


def answer_zeros(name: str, path: Path, threads: int, given: Description) -> str:
    """Open a bare file as ``open_model`` does, answer zeros, and return the engine's version; runs in the child."""
    candidate = read_candidate(path, given)
    decode = make_decoder(candidate.card)
    runner = open_proved(candidate, name, threads)
    decode(runner.run(), None, Origin(name, Timing(0.0, 0.0)))
    runner.backend.close()
    return engine_version(name)


def _check_engine(name: str, bundle: Bundle, threads: int, given: Description, probe: Probe) -> Check:
    engine = BACKENDS[name]
    what = _golden(name)
    if engine.member not in bundle:
        return Check(what, "skipped", f"the bundle has no {engine.member}")
    if not engine.installed:
        return Check(what, "skipped", f"{engine.distribution} is not installed")
    try:
        check: Check = probe.call("lepton_edge_runtime.verification:answer_golden", name, bundle.path, threads, given)
    except ModelCrashesError as crash:
        return Check(what, "failed", str(crash))
    return check


def _golden(name: str) -> str:
    return f"golden samples, {name}"


def answer_golden(name: str, path: Path, threads: int, given: Description) -> Check:
    """Return whether an installed backend answers a bundle's golden samples; runs in the child."""
    candidate = read_candidate(path, given)
    member = BACKENDS[name].member
    what = _golden(name)
    if candidate.golden is None:
        return Check(what, "skipped", "the bundle has no golden samples")
    try:
        runner = open_proved(candidate, name, threads)
        differences = check_golden(runner, candidate, member)
        runner.backend.close()
    except (BackendError, BundleError) as refused:
        # An engine that cannot be imported has not answered, and says nothing of the bundle.
        return Check(what, "skipped" if isinstance(refused.__cause__, ImportError) else "failed", str(refused))
    limits = (candidate.tolerance or {}).get(member, (0.0,) * len(differences))
    worst = ", ".join(f"{difference:.3g} of {limit:.3g}" for difference, limit in zip(differences, limits, strict=True))
    detail = f"{len(candidate.golden())} samples, {engine_version(name)}, largest difference {worst}"
    return Check(what, "passed", detail + "".join(f"; {note}" for note in runner.backend.notes))
