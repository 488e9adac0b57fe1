"""The time of operators on the target's engine, one by one: interleaved, and without what is paid once a run.

A file with several copies of an operator takes longer than one with a single copy by the time of the further copies;
what an engine does around them, its own start and the copying of inputs, is in both and falls out.
"""

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Annotated, Literal, cast

import msgspec

from lepton_edge_converters.latency.operator import Operator
from lepton_edge_runtime.backends import Backend, open_backend
from lepton_edge_runtime.timing import Progress, time_interleaved

_RUNS = 24
_SECONDS_A_FILE = 0.04
_FILES_MAX = 48
_BYTES_MAX = 48 << 20  # of weights at once: engines keep packed ones beside
_SMALL_MACS, _MIDDLE_MACS = 1 << 20, 1 << 24


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What times are measured for.

    Attributes:
        engine: Row of the runtime's ``BACKENDS``.
        quantized: Whether operators compute in 8 bits; in float otherwise.
        threads: Of the engine.
    """

    engine: Literal["tflite", "onnx"] = "tflite"
    quantized: bool = True
    threads: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 1


def time_operators(
    operators: Sequence[Operator], target: Target, *, progress: Progress | None = None
) -> dict[Operator, float]:
    """Return the milliseconds of each operator: minima over interleaved rounds, 0 or more.

    Raises:
        MissingExtraError: The engine is not installed.
        BackendError: It cannot run an operator.
    """
    write = _writer(target)
    times: dict[Operator, float] = {}
    for chunk in _chunks(sorted(set(operators), key=repr), 1 if target.quantized else 4):
        if progress:
            progress("timing operators", len(times), len(operators))
        times |= _timed(chunk, target, write)
    return times


def _timed(chunk: list[Operator], target: Target, write: Callable[..., bytes]) -> dict[Operator, float]:
    """Return the milliseconds of operators whose files are all in memory at once."""
    counts = {operator: _copies(operator) for operator in chunk}
    most = max(counts.values())
    # Without an operator, a file holds what reads the copies' outputs, which is not to be counted either.
    plan: list[tuple[Operator | None, int]] = [(None, 1), (None, most)]
    plan += [one for operator, copies in counts.items() for one in ((operator, 1), (operator, copies))]
    minima = _minima(plan, target, write)
    reading = max(0.0, minima[None, most] - minima[None, 1]) / (most - 1)
    return {
        operator: max(0.0, (minima[operator, copies] - minima[operator, 1]) / (copies - 1) - reading)
        for operator, copies in counts.items()
    }


def _minima(
    plan: list[tuple[Operator | None, int]], target: Target, write: Callable[..., bytes]
) -> dict[tuple[Operator | None, int], float]:
    """Return the least milliseconds of files, each an operator and how many copies of it."""
    files = {
        str(place): write(operator, copies=n, quantized=target.quantized) for place, (operator, n) in enumerate(plan)
    }
    backends: dict[str, Backend] = {}
    try:
        for name, content in files.items():
            backends[name] = open_backend(target.engine, content, threads=target.threads)
        calls = {name: backend.run for name, backend in backends.items()}
        taken = time_interleaved(calls, seconds=_SECONDS_A_FILE * len(calls), runs_max=_RUNS, warm=True)
    finally:
        for backend in backends.values():
            backend.close()
    return {plan[int(name)]: latency.minimum_ms for name, latency in taken.items()}


def _writer(target: Target) -> Callable[..., bytes]:
    # The one needs flatbuffers and the other onnx: each is imported where it is used.
    module = import_module(f"lepton_edge_converters.latency.{target.engine}")
    return cast("Callable[..., bytes]", getattr(module, f"{target.engine}_file"))


def _copies(operator: Operator) -> int:
    """Return how many copies tell an operator's time: of a short one more, since a clock's ticks count there."""
    if operator.macs < _SMALL_MACS:
        return 6
    return 4 if operator.macs < _MIDDLE_MACS else 2


def _chunks(operators: Sequence[Operator], weight_bytes: int) -> Iterator[list[Operator]]:
    """Yield the operators by as many as may be in memory at once, one at least."""
    chunk: list[Operator] = []
    size_bytes = 0
    for operator in operators:
        added = weight_bytes * operator.weights * (_copies(operator) + 1)
        if chunk and (size_bytes + added > _BYTES_MAX or 2 * len(chunk) >= _FILES_MAX):
            yield chunk
            chunk, size_bytes = [], 0
        chunk.append(operator)
        size_bytes += added
    if chunk:
        yield chunk
