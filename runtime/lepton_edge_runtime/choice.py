"""Which engine runs a model, and why: named by the user, or the first that proves itself."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from numpy.typing import NDArray

from lepton_edge_runtime.backends import BACKENDS, Backend, find_engine, open_backend
from lepton_edge_runtime.card import Card, InputCard, OutputCard
from lepton_edge_runtime.errors import BackendError, GoldenMismatchError, LeptonError, MissingExtraError, requirement
from lepton_edge_runtime.golden import Golden, refuse_boundless, worst_differences
from lepton_edge_runtime.tensors import TensorSpec

log = logging.getLogger(__name__)

TUNED = "tuned"
"""Stands where a backend's name does, for the choice that ``tune`` stored."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A backend that was considered and not taken, and the reason; ``tuned`` stands for a stored choice."""

    backend: str
    reason: str


@dataclass(frozen=True, slots=True)
class Preferred:
    """What ``tune`` found the fastest on this machine: to be tried first, and proved like any other."""

    backend: str
    threads: int
    reason: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Which engine runs the model, why, and what else was considered.

    Attributes:
        backend: Row of ``BACKENDS``.
        engine: The package and its version.
        reason: One sentence.
        rejected: What was considered before it.
        notes: How the engine was set up, where that is worth saying.
        threads: Of the engine.
    """

    backend: str
    engine: str
    reason: str
    rejected: tuple[Rejected, ...] = ()
    notes: tuple[str, ...] = ()
    threads: int = 1

    def __str__(self) -> str:
        others = "".join(f"; not {one.backend}: {one.reason}" for one in self.rejected)
        notes = "".join(f"; {note}" for note in self.notes)
        threads = f", {self.threads} threads" if self.threads > 1 else ""
        return f"{self.backend} ({self.engine}{threads}): {self.reason}{notes}{others}"


class Runner:
    """A backend whose inputs and outputs are in the card's order, not the file's."""

    def __init__(self, name: str, backend: Backend, card: Card) -> None:
        self.name = name
        self.backend = backend
        self.input_indices = tuple(_order(name, card.inputs, backend.inputs))
        self._output_indices = tuple(_order(name, card.outputs, backend.outputs))
        self._in_order = self._output_indices == tuple(range(len(backend.outputs)))

    def input_view(self, index: int) -> NDArray[Any]:
        """Return the memory of the card's input ``index``; drop it before ``run``."""
        return self.backend.input_view(self.input_indices[index])

    def run(self) -> tuple[NDArray[Any], ...]:
        """Return the outputs in the card's order, as stored."""
        outputs = self.backend.run()
        return outputs if self._in_order else tuple([outputs[i] for i in self._output_indices])

    def answer(self, tensors: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        """Return the outputs for input tensors, as stored, in the card's order."""
        for i, tensor in enumerate(tensors):
            self.input_view(i)[...] = tensor
        return self.run()


def _order(name: str, ends: tuple[InputCard, ...] | tuple[OutputCard, ...], specs: tuple[TensorSpec, ...]) -> list[int]:
    """Return, for each end on the card, its place in the file; refuse a file that is another model."""
    by_name = {spec.name: i for i, spec in enumerate(specs)}
    order = []
    for end in ends:
        index = by_name.get(end.tensor.name)
        if index is None:
            raise BackendError(f"the {name} file has no {end.tensor.name!r}; it has: {', '.join(by_name)}")
        found = specs[index]
        if (found.dtype, found.shape) != (end.tensor.dtype, end.tensor.shape):
            raise BackendError(f"the {name} file has {found} where the card says {end.tensor}")
        # A format that hides its scaling, as ONNX does, tells none to compare.
        if found.quant is not None and found.quant != end.tensor.quant:
            raise BackendError(f"the {name} file has {found} where the card says {end.tensor}")
        order.append(index)
    return order


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is needed to open a model and to prove that it answers as it should.

    Attributes:
        card: What the model takes and answers.
        members: Model files by their name in a bundle, read when asked for.
        golden: Samples to check an engine on; ``None`` where there are none.
        tolerance: Largest distance from them, for each member, one number an output.
        assumptions: What neither the file nor the user says of it, one sentence each.
        vocabulary: Content of the vocabulary, read when asked for; ``None`` where there is none.
    """

    card: Card
    members: Mapping[str, Callable[[], bytes]]
    golden: Callable[[], Golden] | None = None
    tolerance: Mapping[str, tuple[float, ...]] | None = None
    assumptions: tuple[str, ...] = ()
    vocabulary: Callable[[], bytes] | None = None


def choose(
    candidate: Candidate, backend: str, threads: int, preferred: Preferred | Rejected | None = None
) -> tuple[Runner, Choice]:
    """Return the engine to use and why.

    A named backend that cannot serve raises; ``"auto"`` takes the preferred one if it proves itself, else the
    first installed one, in table order, that has a file to run and passes the golden samples.
    """
    if backend != "auto":
        return _take(candidate, backend, threads, "named by the caller", [])
    rejected: list[Rejected] = []
    if isinstance(preferred, Preferred):
        try:
            return _take(candidate, preferred.backend, preferred.threads, preferred.reason, rejected)
        except (BackendError, MissingExtraError) as refused:
            preferred = Rejected(TUNED, f"the entry names {preferred.backend}, which cannot serve: {refused}")
    if preferred is not None:
        log.warning("the stored choice is not used: %s", preferred.reason)
        rejected.append(preferred)
    for name, engine in BACKENDS.items():
        if engine.member not in candidate.members:
            rejected.append(Rejected(name, f"there is no {engine.member}"))
        elif not engine.installed:
            rejected.append(Rejected(name, f"{engine.distribution} is not installed"))
        else:
            proof = "passes the golden samples" if candidate.golden else "there are no golden samples to check"
            try:
                return _take(candidate, name, threads, f"first installed backend in table order; {proof}", rejected)
            except BackendError as refused:
                log.warning("backend %s cannot serve: %s", name, refused)
                rejected.append(Rejected(name, str(refused)))
    raise BackendError(f"no backend can run this model: {_reasons(rejected)}")


def _take(
    candidate: Candidate, name: str, threads: int, reason: str, rejected: list[Rejected]
) -> tuple[Runner, Choice]:
    runner = open_proved(candidate, name, threads)
    return runner, Choice(name, engine_version(name), reason, tuple(rejected), runner.backend.notes, threads)


def _reasons(rejected: list[Rejected]) -> str:
    extras = " or ".join(
        requirement(BACKENDS[one.backend].extra)
        for one in rejected
        if one.backend in BACKENDS and one.reason.endswith("not installed")
    )
    advice = f". Try: pip install {extras}" if extras else ""
    return "; ".join(f"{one.backend}: {one.reason}" for one in rejected) + advice


def open_proved(candidate: Candidate, name: str, threads: int) -> Runner:
    """Return the backend ``name``, opened and checked on the golden samples.

    Raises:
        MissingExtraError: It is not installed.
        GoldenMismatchError: It answers otherwise than the converter did.
        BackendError: It cannot run the model.
    """
    member = find_engine(name).member
    if member not in candidate.members:
        raise BackendError(
            f"backend {name!r} runs {member}, and there is none; there are: {', '.join(candidate.members)}"
        )
    shapes = {end.tensor.name: end.tensor.shape for end in candidate.card.inputs}
    opened = open_backend(name, candidate.members[member](), threads=threads, shapes=shapes)
    runner = Runner(name, opened, candidate.card)
    if candidate.golden is not None:
        try:
            check_golden(runner, candidate, member)
        except LeptonError:
            runner.backend.close()
            raise
    return runner


def check_golden(runner: Runner, candidate: Candidate, member: str) -> tuple[float, ...]:
    """Return each output's largest distance from the golden answers; raise if one is too large.

    Raises:
        GoldenMismatchError: One is.
        BundleError: The samples cannot be read, or their tolerance allows for anything.
    """
    assert candidate.golden is not None  # noqa: S101 - the callers ask only where there are samples
    golden = candidate.golden()
    differences = worst_differences(golden, runner.answer)
    allowed = (candidate.tolerance or {}).get(member, (0.0,) * len(differences))
    refuse_boundless(candidate.card, golden, allowed)
    for output, difference, limit in zip(candidate.card.outputs, differences, allowed, strict=True):
        if difference > limit:
            unit = " steps" if output.tensor.quant else ""
            raise GoldenMismatchError(
                f"backend {runner.name!r} answers the golden samples wrongly: {output.tensor.name!r} is off by "
                f"{difference:g}{unit}, and at most {limit:g} is allowed"
            )
    return differences


def engine_version(name: str) -> str:
    """Return the engine's package and version, such as ``onnxruntime 1.32.0``."""
    engine = find_engine(name)
    version = getattr(import_module(engine.package), "__version__", "of unknown version")
    return f"{engine.distribution} {version}"
