"""Which engine runs a model, and why: named by the user, or the first that proves itself."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from numpy.typing import NDArray

from lepton_edge_runtime.backends import BACKENDS, Backend, find_engine, open_backend
from lepton_edge_runtime.card import Card, InputCard, OutputCard
from lepton_edge_runtime.errors import BackendError, GoldenMismatchError, LeptonError
from lepton_edge_runtime.golden import Golden, worst_differences
from lepton_edge_runtime.tensors import TensorSpec

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A backend that was considered and not taken, and the reason."""

    backend: str
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
    """

    backend: str
    engine: str
    reason: str
    rejected: tuple[Rejected, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        others = "".join(f"; not {one.backend}: {one.reason}" for one in self.rejected)
        notes = "".join(f"; {note}" for note in self.notes)
        return f"{self.backend} ({self.engine}): {self.reason}{notes}{others}"


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
    """

    card: Card
    members: Mapping[str, Callable[[], bytes]]
    golden: Callable[[], Golden] | None = None
    tolerance: Mapping[str, tuple[float, ...]] | None = None
    assumptions: tuple[str, ...] = ()


def choose(candidate: Candidate, backend: str, threads: int) -> tuple[Runner, Choice]:
    """Return the engine to use and why.

    A named backend that cannot serve raises; ``"auto"`` takes the first installed one, in table
    order, that has a file to run and passes the golden samples.
    """
    if backend != "auto":
        find_engine(backend)
        runner = open_proved(candidate, backend, threads)
        return runner, Choice(backend, engine_version(backend), "named by the caller", (), runner.backend.notes)
    rejected: list[Rejected] = []
    for name, engine in BACKENDS.items():
        if engine.member not in candidate.members:
            rejected.append(Rejected(name, f"there is no {engine.member}"))
        elif not engine.installed:
            rejected.append(Rejected(name, f"{engine.distribution} is not installed"))
        else:
            try:
                runner = open_proved(candidate, name, threads)
            except BackendError as refused:
                log.warning("backend %s cannot serve: %s", name, refused)
                rejected.append(Rejected(name, str(refused)))
                continue
            proof = "passes the golden samples" if candidate.golden else "there are no golden samples to check"
            reason = f"first installed backend in table order; {proof}"
            return runner, Choice(name, engine_version(name), reason, tuple(rejected), runner.backend.notes)
    reasons = "; ".join(f"{one.backend}: {one.reason}" for one in rejected)
    extras = " or ".join(
        f"'lepton-edge[{BACKENDS[one.backend].extra}]'" for one in rejected if one.reason.endswith("not installed")
    )
    advice = f". Try: pip install {extras}" if extras else ""
    raise BackendError(f"no backend can run this model: {reasons}{advice}")


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
    """Return each output's largest distance from the golden answers; raise if one is too large."""
    assert candidate.golden is not None  # noqa: S101 - the callers ask only where there are samples
    differences = worst_differences(candidate.golden(), runner.answer)
    allowed = (candidate.tolerance or {}).get(member, (0.0,) * len(differences))
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
