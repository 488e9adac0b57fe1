"""Time a model on this machine, call by call, beside the bare engine."""

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from lepton_edge_runtime.backends import BACKENDS
from lepton_edge_runtime.benchmark.footprint import measure_footprint
from lepton_edge_runtime.benchmark.remarks import notes_of, warnings_of
from lepton_edge_runtime.benchmark.report import BenchReport, BenchRow, Opening
from lepton_edge_runtime.benchmark.subject import Sample, Subject, make_sample
from lepton_edge_runtime.choice import Rejected
from lepton_edge_runtime.description import Description
from lepton_edge_runtime.errors import BackendError, MissingExtraError
from lepton_edge_runtime.installed import installed_versions, our_version
from lepton_edge_runtime.machine import describe_machine
from lepton_edge_runtime.model import open_model
from lepton_edge_runtime.opening import given_by_user, read_candidate
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.timing import Latency, Progress, latency_of, timed_rounds, watched

_RUNS_MAX = 5000
_PACKAGES = ("numpy", "opencv-python-headless", "opencv-python", "ai-edge-litert", "onnxruntime")


def bench(
    path: str | Path,
    *,
    labels: Sequence[str] | str | Path | None = None,
    preprocess: Preprocess | None = None,
    task: str | None = None,
    description: Description | str | Path | None = None,
    backends: Sequence[str] | None = None,
    threads: int | Sequence[int] = 1,
    image: str | Path | None = None,
    beside: Sequence[str | Path] = (),
    seconds: float = 2.0,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> BenchReport:
    """Return how long a model takes from frame to typed result here, and how long the bare engine takes.

    Everything is timed in turn in one run, each call right after an untimed one of the same, so that a busy
    machine slows all alike: trust the ratios.

    Args:
        path: A bundle, or a ``.tflite`` or ``.onnx`` file.
        labels: Names of the classes of a file of others, and of those beside it, or a text file with one a line.
        preprocess: For their inputs that take pictures.
        task: Row of ``TASKS``.
        description: More that is said of the model, or the TOML file that says it; what stands above goes before.
        backends: Rows of ``BACKENDS``; all that can run it if not given.
        threads: Of the engine; several numbers are timed side by side.
        image: A picture to call it on, instead of noise of a camera's size.
        beside: Other files to time in the same run, such as the float version of an int8 model.
        seconds: Of timing, for each file, backend and number of threads.
        cache: Folder of choices that ``tune`` stored, to say which setting ``open_model`` takes.
        progress: Told what is being done.

    Raises:
        BundleError, ModelFileError, InputError: A file cannot be read, or takes no pictures.
        BackendError, MissingExtraError: No backend, or not the one named, can run it.
    """
    counts = (threads,) if isinstance(threads, int) else tuple(dict.fromkeys(threads))
    files = tuple(dict.fromkeys([Path(path), *map(Path, beside)]))
    given = given_by_user(labels, preprocess, task, description)
    samples = {file: make_sample(file, image, given) for file in files}
    rejected: list[Rejected] = []
    with ExitStack() as stack:
        subjects: list[Subject] = []
        for file in files:
            for subject in _subjects(file, given, backends, counts, samples[file], rejected):
                stack.enter_context(subject.model)
                subjects.append(subject)
        rows = _time(subjects, seconds * len(subjects), progress)
        notes = [note for one in subjects for note in one.model.choice.notes]
    openings = tuple(_openings(rows, given, progress))
    with open_model(path, description=given, cache=cache) as model:
        choice = str(model.choice)
    return BenchReport(
        rows=rows,
        openings=openings,
        rejected=tuple(dict.fromkeys(rejected)),
        sample="; ".join(dict.fromkeys(sample.description for sample in samples.values())),
        machine=describe_machine(),
        versions=_versions(),
        choice=choice,
        warnings=tuple(warnings_of(rows)),
        notes=(*notes_of(rows), *dict.fromkeys(notes)),
    )


def _subjects(
    path: Path,
    given: Description,
    backends: Sequence[str] | None,
    counts: Sequence[int],
    sample: Sample,
    rejected: list[Rejected],
) -> Iterator[Subject]:
    """Yield what can be timed; a named backend that cannot serve raises, one of all is rejected with the reason."""
    candidate = read_candidate(path, given)
    refusals: list[Rejected] = []
    opened = 0
    for name in dict.fromkeys(BACKENDS if backends is None else backends):
        for count in counts:
            try:
                subject = Subject(path, given, name, count, sample, candidate)
            except (BackendError, MissingExtraError) as refused:
                if backends is not None:
                    raise
                refusals.append(Rejected(name, str(refused)))
                continue
            opened += 1
            yield subject
    if not opened:
        reasons = "; ".join(f"{one.backend}: {one.reason}" for one in dict.fromkeys(refusals))
        raise BackendError(f"no backend can run {path}: {reasons}")
    rejected += refusals


def _time(subjects: Sequence[Subject], seconds: float, progress: Progress | None) -> tuple[BenchRow, ...]:
    calls: dict[str, Callable[[], object]] = {}
    for i, subject in enumerate(subjects):
        calls |= {f"{i} call": subject.call, f"{i} bare": subject.bare}
    rounds: list[Mapping[str, int]] = []
    stages: list[list[tuple[float, float, float]]] = [[] for _ in subjects]
    timed = timed_rounds(calls, seconds=seconds, runs_max=_RUNS_MAX, warm=True)
    for taken in watched(timed, seconds=seconds, progress=progress):
        rounds.append(taken)
        for i, subject in enumerate(subjects):
            timing = subject.latest.origin.timing
            whole = taken[f"{i} call"] / 1e6
            split = (timing.preprocess_ms, timing.inference_ms, whole - timing.preprocess_ms - timing.inference_ms)
            stages[i].append(split)

    def latency(name: str) -> Latency:
        return latency_of([taken[name] for taken in rounds])

    return tuple(
        BenchRow(
            subject.path,
            subject.backend,
            subject.model.choice.engine,
            subject.threads,
            subject.integers,
            latency(f"{i} call"),
            latency(f"{i} bare"),
            *(float(stage) for stage in np.median(stages[i], axis=0)),
        )
        for i, subject in enumerate(subjects)
    )


def _openings(rows: Sequence[BenchRow], given: Description, progress: Progress | None) -> Iterator[Opening]:
    # With the first number of threads: more of them change neither by much.
    first = {(row.file, row.backend): row.threads for row in reversed(rows)}
    for i, (file, backend) in enumerate(dict.fromkeys((row.file, row.backend) for row in rows)):
        if progress:
            progress("load time and memory", i, len(first))
        yield Opening(file, backend, measure_footprint(file, backend, first[file, backend], given))


def _versions() -> dict[str, str]:
    installed = installed_versions()
    packages = {name: installed[name] for name in _PACKAGES if name in installed}
    return {"Python": platform.python_version(), "lepton-edge": our_version(), **packages}
