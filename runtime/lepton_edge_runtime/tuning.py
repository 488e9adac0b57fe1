"""Find the fastest backend and number of threads for a model on this machine, and store the choice."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.backends import BACKENDS, find_engine
from lepton_edge_runtime.choice import Candidate, Runner, open_proved
from lepton_edge_runtime.description import Description
from lepton_edge_runtime.errors import BackendError, MissingExtraError
from lepton_edge_runtime.opening import given_by_user, read_candidate
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.timing import Progress, latency_of, timed_rounds, watched
from lepton_edge_runtime.tuned.record import Refused, Timed, Tuning
from lepton_edge_runtime.tuned.store import key_of, make_cache, store

TIE = 1.05
"""A setting is slower only if it surely takes this many times as long as the fastest."""

_THREADS = (1, 2, 4)
_RUNS_MAX = 2000


@dataclass(frozen=True, slots=True, order=True)
class Setting:
    """One way to run a model; fewer threads come first."""

    threads: int
    backend: str


def tune(
    path: str | Path,
    *,
    cache: str | Path,
    labels: Sequence[str] | str | Path | None = None,
    preprocess: Preprocess | None = None,
    task: str | None = None,
    description: Description | str | Path | None = None,
    threads: Sequence[int] | None = None,
    backends: Sequence[str] | None = None,
    seconds: float = 2.0,
    progress: Progress | None = None,
) -> Tuning:
    """Time backends and threads on this machine, store the choice in ``cache``, and return it.

    Every setting must pass the golden samples first; then all are timed in turn, round after round. The choice
    is the one with the fewest threads among those that are as fast as the fastest: a setting counts as slower
    if, with 95 % confidence, its median round takes over 5 % longer. Of equally few threads, the lower median.

    Args:
        path: A bundle, or a ``.tflite`` or ``.onnx`` file.
        cache: Folder to store the choice in; give it to ``open_model(path, cache=…)``.
        labels: Names of the classes of a file of others, or a text file with one a line.
        preprocess: For its inputs that take pictures.
        task: Row of ``TASKS``.
        description: More that is said of the model, or the TOML file that says it; what stands above goes before.
        threads: Numbers of threads to try; 1, 2 and 4, up to the cores, if not given.
        backends: Rows of ``BACKENDS`` to try; all if not given.
        seconds: Of timing, for each setting.
        progress: Told what is being done.

    Raises:
        BundleError, ModelFileError: The file cannot be read or trusted.
        BackendError, MissingExtraError: No backend can run it, or not the one named.
        TuningError: The choice cannot be stored.
    """
    path = Path(path)
    key = key_of(path)
    candidate = read_candidate(path, given_by_user(labels, preprocess, task, description))
    make_cache(cache)  # before seconds are spent on timing
    refused: list[Refused] = []
    with ExitStack() as stack:
        runners: dict[Setting, Runner] = {}
        for setting in _settings(backends, threads, key.cores):
            try:
                runners[setting] = _open(candidate, setting, key.cores)
            except (BackendError, MissingExtraError) as problem:
                if isinstance(problem, MissingExtraError) and backends is not None:
                    raise
                refused.append(Refused(setting.backend, setting.threads, str(problem)))
            else:
                stack.callback(runners[setting].backend.close)
        if not runners:
            reasons = "; ".join(dict.fromkeys(f"{one.backend}: {one.reason}" for one in refused))
            raise BackendError(f"no backend can run this model: {reasons}")
        times = _time(candidate, runners, seconds * len(runners), progress)
    chosen, reason = pick(times)
    tuning = Tuning(
        key=key,
        backend=chosen.backend,
        threads=chosen.threads,
        reason=reason,
        timed=tuple(_timed(setting, taken) for setting, taken in times.items()),
        refused=tuple(refused),
    )
    store(cache, tuning)
    return tuning


def pick(times: Mapping[Setting, NDArray[np.int64]]) -> tuple[Setting, str]:
    """Return the setting to take and why, from times that were taken in the same rounds."""
    medians = {setting: float(np.median(taken)) for setting, taken in times.items()}
    fastest = min(times, key=lambda setting: (medians[setting], setting))
    alike = [setting for setting, taken in times.items() if _surely_times(taken, times[fastest]) <= TIE]
    chosen = min(alike, key=lambda setting: (setting.threads, medians[setting]))
    if chosen == fastest:
        return chosen, f"the lowest median of {len(times)} settings"
    ratio = medians[chosen] / medians[fastest]
    return chosen, (
        f"fewer threads than {fastest.backend} with {fastest.threads}, the fastest of {len(times)}, at {ratio:.2f} × "
        f"its median: not surely over {TIE:g} ×"
    )


def _surely_times(taken: NDArray[np.int64], reference: NDArray[np.int64]) -> float:
    """Return how many times as long as the reference it takes, at least: a lower bound of 95 % confidence.

    The median of the ratios, round by round, so that what slows a round slows both; its bound is an order
    statistic (the sign test's interval, normal approximation), which asks nothing of how times are spread.
    """
    ratios = np.sort(taken / reference)
    count = len(ratios)
    return float(ratios[max(0, int(np.floor((count - 1.96 * np.sqrt(count)) / 2)))])


def _settings(backends: Sequence[str] | None, threads: Sequence[int] | None, cores: int) -> Iterator[Setting]:
    counts = [count for count in _THREADS if count <= cores] if threads is None else list(dict.fromkeys(threads))
    if not counts or min(counts) < 1:
        raise ValueError(f"threads are 1 or more, not {threads}")
    for name in dict.fromkeys(BACKENDS if backends is None else backends):
        find_engine(name)
        yield from (Setting(count, name) for count in counts)


def _open(candidate: Candidate, setting: Setting, cores: int) -> Runner:
    if setting.threads > cores:
        raise BackendError(f"{setting.threads} threads are more than the {cores} cores that this process may use")
    return open_proved(candidate, setting.backend, setting.threads)


def _time(
    candidate: Candidate, runners: Mapping[Setting, Runner], seconds: float, progress: Progress | None
) -> dict[Setting, NDArray[np.int64]]:
    """Return the nanoseconds of each setting, round by round, all on the same tensors."""
    tensors = _tensors(candidate)
    for runner in runners.values():
        runner.answer(tensors)
    names = {f"{setting.backend} {setting.threads}": setting for setting in runners}
    calls: dict[str, Callable[[], object]] = {name: runners[setting].run for name, setting in names.items()}
    timed = timed_rounds(calls, seconds=seconds, runs_max=_RUNS_MAX, warm=True)
    rounds = list(watched(timed, seconds=seconds, progress=progress))
    return {setting: np.array([taken[name] for taken in rounds], np.int64) for name, setting in names.items()}


def _tensors(candidate: Candidate) -> list[NDArray[Any]]:
    """Return the first golden sample, as stored; seeded noise where there is none."""
    if candidate.golden is not None:
        return [tensor[0] for tensor in candidate.golden().inputs]
    rng = np.random.default_rng(0)
    return [
        np.asarray(rng.random(end.tensor.shape) * (1 if end.tensor.dtype.startswith("float") else 100)).astype(
            end.tensor.dtype
        )
        for end in candidate.card.inputs
    ]


def _timed(setting: Setting, taken: NDArray[np.int64]) -> Timed:
    latency = latency_of(taken.tolist())
    return Timed(
        backend=setting.backend,
        threads=setting.threads,
        minimum_ms=latency.minimum_ms,
        median_ms=latency.median_ms,
        p90_ms=latency.p90_ms,
        p99_ms=latency.p99_ms,
        runs=latency.runs,
    )
