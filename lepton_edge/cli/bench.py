"""``lepton-edge bench``."""

from collections.abc import Iterator
from pathlib import Path

import click

from lepton_edge.cli.cache import cache_folder, cache_option, no_cache_option
from lepton_edge.cli.columns import columns, sentence
from lepton_edge.cli.numbers import number_list
from lepton_edge.cli.options import Said, file_options
from lepton_edge.cli.progress import progress_bar
from lepton_edge.cli.quiet import quiet_engines
from lepton_edge.cli.show import print_json, say
from lepton_edge_runtime.benchmark.bench import bench
from lepton_edge_runtime.benchmark.report import BenchReport, BenchRow
from lepton_edge_runtime.timing import Latency


@click.command(name="bench")
@click.argument("file", type=click.Path(path_type=Path))
@file_options
@click.option(
    "--backend", "backends", multiple=True, help="Time this one only; may be given again.  [default: all that can run]"
)
@click.option(
    "--threads",
    default="1",
    show_default=True,
    metavar="N,N,…",
    callback=number_list,
    help="Of the engine, such as 1,2,4.",
)
@click.option("--image", type=click.Path(path_type=Path), help="A picture to answer, instead of a frame of noise.")
@click.option(
    "--beside",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Time this file in the same run, such as the float version of an int8 model; may be given again.",
)
@click.option("--seconds", default=2.0, show_default=True, type=click.FloatRange(0.0), help="Of timing, each setting.")
@cache_option
@no_cache_option
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(
    file: Path,
    said: Said,
    backends: tuple[str, ...],
    threads: tuple[int, ...],
    image: Path | None,
    beside: tuple[Path, ...],
    seconds: float,
    cache: Path | None,
    *,
    no_cache: bool,
    as_json: bool,
) -> None:
    """Time FILE on this machine: the whole call from frame to answer, beside the bare engine on the same tensors.

    All is timed in turn, in one run: the ratios hold, the milliseconds are this machine's, today.

    \b
    Examples:
      lepton-edge bench birds.lepton --threads 1,2,4
      lepton-edge bench birds.lepton --beside birds-float.lepton --image owl.jpg
    """
    with progress_bar() as progress, quiet_engines():
        report = bench(
            file, description=said.description,
            backends=backends or None, threads=threads, image=image, beside=beside, seconds=seconds,
            cache=cache_folder(cache, unused=no_cache), progress=progress,
        )  # fmt: skip
    if as_json:
        print_json(report.to_dict())
        return
    click.echo(sentence("machine", f"{report.machine}; " + _listed(report)))
    click.echo(sentence("sample", report.sample))
    say()
    for line in columns(list(_times(report))):
        say(line)
    say()
    for line in columns(list(_openings(report))):
        say(line)
    say()
    for label, texts in (("warning", report.warnings), ("note", report.notes)):
        for text in texts:
            click.echo(sentence(label, text))
    for one in report.rejected:
        click.echo(sentence("left out", f"{one.backend}: {one.reason}"))
    click.echo(sentence("run takes", report.choice, indent=10))


def _listed(report: BenchReport) -> str:
    return ", ".join(f"{name} {version}" for name, version in report.versions.items())


def _times(report: BenchReport) -> Iterator[tuple[str, ...]]:
    yield ("milliseconds", "min", "p50", "p90", "p99", "× bare", "(min)")
    several = len({row.file for row in report.rows}) > 1
    for row in report.rows:
        yield (f"{row.file.name}, {row.title}" if several else row.title, *[""] * 6)
        yield ("  whole call", *_cells(row.call), f"{row.times_bare:.2f}", f"{row.times_bare_minimum:.2f}")
        yield from _stages(row)
        yield ("  bare engine", *_cells(row.bare), "", "")


def _stages(row: BenchRow) -> Iterator[tuple[str, ...]]:
    for name, ms in (("preprocess", row.preprocess_ms), ("inference", row.inference_ms), ("decode", row.decode_ms)):
        yield (f"    {name}", "", f"{ms:.3f}", "", "", "", "")


def _cells(latency: Latency) -> tuple[str, ...]:
    return tuple(f"{ms:.3f}" for ms in (latency.minimum_ms, latency.median_ms, latency.p90_ms, latency.p99_ms))


def _openings(report: BenchReport) -> Iterator[tuple[str, ...]]:
    yield ("opening, in a fresh process", "import", "open", "golden check", "memory")
    several = len({one.file for one in report.openings}) > 1
    for one in report.openings:
        cost = one.footprint
        memory = "unknown" if cost.memory_mb is None else f"+{cost.memory_mb:.0f} MB"
        times = (f"{ms:.1f} ms" for ms in (cost.import_ms, cost.open_ms, cost.golden_ms))
        yield (f"{one.file.name}, {one.backend}" if several else one.backend, *times, memory)
