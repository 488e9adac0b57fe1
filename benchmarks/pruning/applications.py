"""``python -m benchmarks.pruning.applications FOLDER``: nets that many begin with, pruned at random and converted.

Whether pruning follows their graphs exactly, and whether what is left becomes int8 files of both formats. Results are
kept in FOLDER net by net: run again, it goes on where it was cut off.
"""

from collections.abc import Mapping
from pathlib import Path
from time import monotonic

import click
import msgspec

import lepton_edge as le
from benchmarks.children import run_child
from benchmarks.pruning.page import fill
from benchmarks.table import Cell, Table
from benchmarks.workshop import LOOSE
from lepton_edge_runtime.atomic import replacing
from lepton_edge_runtime.errors import LeptonError

PIXELS: Mapping[str, int] = {
    "MobileNetV3Small": 96,
    "MobileNetV2": 96,
    "EfficientNetV2B0": 96,
    "DenseNet121": 96,
    "ResNet50": 96,
    "InceptionV3": 96,
    "Xception": 96,
    "NASNetMobile": 224,
}
"""Of the pictures that each net takes; the cheapest first."""

_COLUMNS = (
    "net", "groups", "kept whole", "M parameters", "left, %", "apart", "without holding",
    "TFLite KB", "ONNX KB", "cosine, the worse", "s", "failed",
)  # fmt: skip


class Removed(msgspec.Struct, frozen=True):
    """What the child tells.

    Attributes:
        calls: How many the graph has.
        groups: Of channels that may go.
        kept: Groups that must stay.
        unknown: Kinds of layers that no rule knows.
        parameters: Before and after.
        apart: Largest difference from the original with the removed channels held at zero, of the largest answer.
        without_holding: From the original left whole, likewise.
        spread: Of the answers over pictures, likewise: near zero, the nets would tell nothing apart anyway.
    """

    calls: int
    groups: int
    kept: int
    unknown: tuple[str, ...]
    parameters: tuple[int, int]
    apart: float
    without_holding: float
    spread: float


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a net.

    Attributes:
        removed: ``None`` where that failed.
        size_bytes: Of the int8 files, by row of the report.
        cosine: Between its answers and the pruned float model's, likewise.
        failed: What went wrong; empty for nothing.
        seconds: How long it took.
    """

    removed: Removed | None = None
    size_bytes: dict[str, int] = {}
    cosine: dict[str, float] = {}
    failed: str = ""
    seconds: float


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--nets", multiple=True, type=click.Choice(list(PIXELS)), help="Which; several times. All by default.")
@click.option("--minutes", type=click.FloatRange(0), help="No further net is begun after so many.")
@click.option("--retry", is_flag=True, help="Try again what failed.")
@click.option(
    "--markdown", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Page to put the table into."
)
def main(*, folder: Path, nets: tuple[str, ...], minutes: float | None, retry: bool, markdown: Path | None) -> None:
    """Prune nets of keras.applications at random, convert what is left, and print a table."""
    folder = folder.resolve()
    begin = monotonic()
    for net in nets or PIXELS:
        found = _found(folder, net)
        if found and not (retry and found.failed):
            continue
        if minutes is not None and monotonic() - begin > 60 * minutes:
            click.echo(f"out of time: {net} and what comes after is left for another run", err=True)
            break
        click.echo(f"{net} …", err=True)
        tried = _try(folder / net, net)
        with replacing(folder / net / "tried.json") as file:
            file.write(msgspec.json.format(msgspec.json.encode(tried)))
        click.echo(f"  {tried.failed or f'{tried.seconds:.0f} s'}", err=True)
    table = _table({net: one for net in PIXELS if (one := _found(folder, net))})
    click.echo(str(table))
    if markdown:
        fill(markdown, table.markdown(), begin="<!-- applications -->")


def _found(folder: Path, net: str) -> Tried | None:
    path = folder / net / "tried.json"
    return msgspec.json.decode(path.read_bytes(), type=Tried) if path.exists() else None


def _try(folder: Path, net: str) -> Tried:
    begin = monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    removed = None
    try:
        removed = msgspec.json.decode(run_child("pruning.removal", net, str(PIXELS[net]), folder), type=Removed)
        recipe = le.Recipe(scheme="int8", holdout=0.5, gates=LOOSE)
        pruned, samples, out = (folder / name for name in ("pruned.keras", "samples.npy", "model.lepton"))
        report = le.convert(pruned, out, data=samples, recipe=recipe, images=False, force=True)
    except (LeptonError, RuntimeError) as failed:
        return Tried(removed=removed, failed=str(failed), seconds=monotonic() - begin)
    rows = [row for row in report.rows if row.shipped]
    return Tried(
        removed=removed,
        size_bytes={row.title: row.size_bytes for row in rows if row.size_bytes},
        cosine={row.title: row.cosine for row in rows if row.cosine is not None},
        seconds=monotonic() - begin,
    )


def _table(tried: Mapping[str, Tried]) -> Table:
    rows = tuple(_row(net, one) for net, one in tried.items())
    unknown = {net: one.removed.unknown for net, one in tried.items() if one.removed and one.removed.unknown}
    notes = [f"{net} has layers that no rule knows: {', '.join(kinds)}." for net, kinds in unknown.items()]
    notes += [f"{net} failed: {one.failed}" for net, one in tried.items() if one.failed]
    return Table("keras.applications, 30 % of each group's channels removed", _COLUMNS, rows, tuple(notes))


def _row(net: str, tried: Tried) -> tuple[Cell, ...]:
    removed = tried.removed
    sizes = [tried.size_bytes.get(title) for title in ("TFLite int8", "ONNX int8")]
    facts: tuple[Cell, ...] = (None,) * 6
    if removed:
        before, after = removed.parameters
        apart = f"{removed.apart:.1e}", f"{removed.without_holding:.2g}"
        facts = removed.groups, removed.kept, before / 1e6, 100 * after / before, *apart
    return (
        net,
        *facts,
        *(None if size is None else size // 1024 for size in sizes),
        f"{min(tried.cosine.values()):.3f}" if tried.cosine else None,
        round(tried.seconds),
        "yes" if tried.failed else None,
    )


if __name__ == "__main__":
    main()
