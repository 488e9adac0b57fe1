"""``lepton-edge tune``."""

from pathlib import Path

import click

from lepton_edge.cli.cache import cache_folder, cache_option
from lepton_edge.cli.columns import columns, sentence
from lepton_edge.cli.numbers import number_list
from lepton_edge.cli.options import Said, file_options
from lepton_edge.cli.progress import progress_bar
from lepton_edge.cli.quiet import quiet_engines
from lepton_edge.cli.show import print_json, say
from lepton_edge_runtime.machine import describe_machine
from lepton_edge_runtime.tuned.record import Tuning
from lepton_edge_runtime.tuned.store import entry_path
from lepton_edge_runtime.tuning import tune


@click.command(name="tune")
@click.argument("file", type=click.Path(path_type=Path))
@file_options
@cache_option
@click.option(
    "--threads",
    metavar="N,N,…",
    callback=number_list,
    help="Numbers of threads to try.  [default: 1,2,4, up to the cores]",
)
@click.option("--backend", "backends", multiple=True, help="Try this one only; may be given again.  [default: all]")
@click.option("--seconds", default=2.0, show_default=True, type=click.FloatRange(0.0), help="Of timing, each setting.")
@click.option("--json", "as_json", is_flag=True, help="Print what is stored, as JSON.")
def command(
    file: Path,
    said: Said,
    cache: Path | None,
    threads: tuple[int, ...] | None,
    backends: tuple[str, ...],
    seconds: float,
    *,
    as_json: bool,
) -> None:
    """Find the backend and number of threads that run FILE fastest on this machine, and remember them for 'run'.

    Every setting must answer the golden samples as it should. Fewer threads are preferred where more are not
    surely faster. The choice holds until the file, the engines or the machine change.

    \b
    Example:
      lepton-edge tune birds.lepton
    """
    folder = cache_folder(cache)
    if folder is None:
        raise click.UsageError("this user has no home folder; say where to store the choice with --cache")
    with progress_bar() as progress, quiet_engines():
        found = tune(
            file, description=said.description,
            cache=folder, threads=threads,
            backends=backends or None, seconds=seconds, progress=progress,
        )  # fmt: skip
    if as_json:
        print_json(found.to_dict())
        return
    say(f"{file} on {describe_machine()}")
    say()
    for line in _table(found):
        say(line)
    for reason in dict.fromkeys(f"{one.backend}: {one.reason}" for one in found.refused):
        click.echo(sentence("left out", reason))
    say()
    click.echo(sentence("chosen", f"{found.backend}, threads: {found.threads}; {found.reason}"))
    if found.noisy:
        text = "the machine was noisy (p90 over 1.5 × p50): tune again when nothing else runs"
        click.echo(sentence("warning", text))
    say(f"stored   {entry_path(folder, found.key.model_sha256)}")


def _table(found: Tuning) -> list[str]:
    fastest = found.fastest.median_ms
    rows: list[tuple[str, ...]] = [("engine alone, ms", "min", "p50", "p90", "p99", "× fastest", "runs")]
    for one in found.timed:
        mark = "*" if one == found.chosen else " "
        times = (f"{ms:.3f}" for ms in (one.minimum_ms, one.median_ms, one.p90_ms, one.p99_ms))
        rows.append((f"{mark} {one.setting}", *times, f"{one.median_ms / fastest:.2f}", str(one.runs)))
    return columns(rows)
