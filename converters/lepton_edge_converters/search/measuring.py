"""What was found, of the points in a folder: all files timed in one run, and set side by side."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lepton_edge_converters.errors import ConversionError
from lepton_edge_converters.search.asked import Asked
from lepton_edge_converters.search.found import Search, worth_of
from lepton_edge_converters.search.reading import (
    PointReport,
    gather_points,
    original_worth,
    read_point_report,
    shipped_engines,
)
from lepton_edge_converters.search.stamp import Stamp, read_stamp
from lepton_edge_converters.speed import Timings
from lepton_edge_converters.stages.cache import StageCache
from lepton_edge_converters.stages.run import run_stage
from lepton_edge_converters.toolchain import read_toolchain, surroundings
from lepton_edge_converters.worker import Progress, workplace
from lepton_edge_runtime.machine import describe_machine, read_processor, usable_cores
from lepton_edge_runtime.timing import NOISY

_SECONDS_A_FILE = 0.5
_LISTED_MAX = 3


def measure(asked: Sequence[Asked], folder: Path, cache: Path, progress: Progress, *, verbose: bool) -> Search:
    """Return what was found in a folder that has all points; its ``made`` and ``seconds`` are for the caller to say.

    Raises:
        ConversionError: No point could be made, or an engine cannot run one.
    """
    bundles = {one.name: folder / f"{one.name}.lepton" for one in asked}
    stamps = {name: read_stamp(bundle) or Stamp(key="", problem="it is gone") for name, bundle in bundles.items()}
    made = [name for name, stamp in stamps.items() if not stamp.problem]
    if not made:
        problems = dict.fromkeys(stamp.problem for stamp in stamps.values())
        raise ConversionError(f"no point could be made: {'; '.join(problems)}")
    reports = {name: read_point_report(bundles[name]) for name in made}
    timings = _timed([bundles[name] for name in made], reports, cache, progress, verbose=verbose)
    metric = bool(asked[0].recipe.metric)
    first = reports[made[0]]
    return Search(
        model=first.model,
        folder=folder,
        task=first.task,
        worth=worth_of(next(iter(shipped_engines(first).values())), metric=metric).name,
        original=original_worth(first, metric=metric),
        samples=replace(first.samples, calibration=max(one.samples.calibration for one in reports.values())),
        points=gather_points(asked, stamps, reports, timings, folder),
        made=0,
        warnings=tuple(_warnings(timings)),
        machine=describe_machine(),
        versions=read_toolchain().packages,
        seconds=0.0,
    )


def _timed(
    bundles: list[Path], reports: Mapping[str, PointReport], cache: Path, progress: Progress, *, verbose: bool
) -> Timings:
    """Return the times of all files; those of an earlier run, where they are the same files on the same machine."""
    count = sum(len(shipped_engines(report)) for report in reports.values())
    given = bundles, _SECONDS_A_FILE * count
    kept = StageCache(cache, surroundings=surroundings())
    machine = read_processor().name, usable_cores()
    with workplace(verbose=verbose) as (_, worker):
        return run_stage(
            worker, kept, "search.timing:time_bundles", *given, gives=Timings, also=machine, keeps=_quiet,
            progress=progress,
        )  # fmt: skip


def _quiet(timings: Timings) -> bool:
    return not list(_noisy(timings))


def _noisy(timings: Timings) -> Iterator[str]:
    names = dict.fromkeys(name for taken in timings.rounds for name in taken)
    yield from (name for name in names if timings.latency(name).spread > NOISY)


def _warnings(timings: Timings) -> Iterator[str]:
    noisy = list(_noisy(timings))
    if noisy:
        named = ", ".join(noisy[:_LISTED_MAX]) + (", …" if len(noisy) > _LISTED_MAX else "")
        yield (
            f"the machine was busy: a tenth of the calls took over {NOISY:g} times the median, of {len(noisy)} files "
            f"({named}); search again on a quiet one, which times them anew and makes nothing twice"
        )
