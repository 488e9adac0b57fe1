"""Engines that run tensors. They know no task; a new one is a module and a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol, cast

from numpy.typing import NDArray

from lepton_edge_runtime.errors import BROKEN, BackendError, MissingExtraError, first_line
from lepton_edge_runtime.tensors import TensorSpec
from lepton_edge_runtime.wire import nearest


class Backend(Protocol):
    """A model opened by one engine. It serves one thread at a time.

    Attributes:
        inputs, outputs: In the model file's order; ``quant`` may be missing where the format hides it.
        notes: What a user should know of how this engine was set up, one sentence each.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    notes: tuple[str, ...]

    def input_view(self, index: int) -> NDArray[Any]:
        """Return the input's own memory, to write into; drop the view before ``run``."""
        ...

    def run(self) -> tuple[NDArray[Any], ...]:
        """Run the model on what its inputs hold; the arrays returned are the caller's.

        Raises:
            BackendError: The engine refuses; its own words follow.
        """
        ...

    def close(self) -> None:
        """Free the engine's memory; the backend cannot be used afterwards."""
        ...


class Opener(Protocol):
    """What a backend's module offers."""

    def open_backend(self, content: bytes, *, threads: int, shapes: Mapping[str, tuple[int, ...]]) -> Backend:
        """Open a model file's bytes, its inputs fixed to these shapes, or raise BackendError."""
        ...


@dataclass(frozen=True, slots=True)
class Engine:
    """A row of ``BACKENDS``: where an engine is, what it needs, what it reads.

    Attributes:
        module: In this package; has ``open_backend``.
        package: What must be importable.
        distribution: The package's name where it is installed from.
        extra: The extra that brings it.
        member: The member of a bundle that it runs.
    """

    module: str
    package: str
    distribution: str
    extra: str
    member: str

    @property
    def installed(self) -> bool:
        """Whether its package is there; importing it may still fail."""
        return find_spec(self.package) is not None


BACKENDS: Mapping[str, Engine] = {
    "tflite": Engine(
        module="tflite",
        package="ai_edge_litert",
        distribution="ai-edge-litert",
        extra="tflite",
        member="model.tflite",
    ),
    "onnx": Engine(module="onnx", package="onnxruntime", distribution="onnxruntime", extra="onnx", member="model.onnx"),
}
"""In the order in which ``backend="auto"`` tries them."""


def find_engine(name: str) -> Engine:
    """Return the row called ``name``; raise BackendError if there is none."""
    if name not in BACKENDS:
        known = list(BACKENDS)
        raise BackendError(f"no backend {name!r}; there are: {', '.join(known)}{nearest(name, known)}")
    return BACKENDS[name]


def backend_of(member: str) -> str:
    """Return the name of the row that runs a member of a bundle, such as ``model.tflite``."""
    return next(name for name, engine in BACKENDS.items() if engine.member == member)


def open_backend(
    name: str, content: bytes, *, threads: int = 1, shapes: Mapping[str, tuple[int, ...]] | None = None
) -> Backend:
    """Open a model file's bytes with the backend called ``name``.

    Args:
        name: Row of ``BACKENDS``.
        content: The file's bytes.
        threads: Of the engine.
        shapes: Of the inputs by name, where the file leaves an axis open.

    Raises:
        MissingExtraError: The engine is not installed.
        BackendError: There is no such backend, it cannot be imported, or the engine refuses the model.
    """
    engine = find_engine(name)
    if threads < 1:
        raise ValueError(f"threads is 1 or more, not {threads}")
    if not engine.installed:
        raise MissingExtraError(f"backend {name!r}", extra=engine.extra)
    try:
        module = cast("Opener", import_module(f"lepton_edge_runtime.backends.{engine.module}"))
    except ImportError as problem:
        raise BackendError(
            f"{engine.distribution} {BROKEN}: {first_line(problem)}; install what it needs, or another version of it"
        ) from problem
    return module.open_backend(content, threads=threads, shapes=shapes or {})
