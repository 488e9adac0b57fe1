"""``python -m benchmarks [NAME …]``: every benchmark, or the ones named."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol, cast

import click

from benchmarks.table import Table
from benchmarks.workshop import Subject, Workshop
from lepton_edge_runtime.preprocess import PRESET_RANGES, Preprocess


class BenchmarkModule(Protocol):
    """What a benchmark's module offers."""

    def measure(self, workshop: Workshop, seconds: float) -> tuple[Table, ...]:
        """Return the tables; each comparison is timed for about ``seconds``, its calls interleaved."""
        ...


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A row of ``BENCHMARKS``: the module in this package that measures, and what it answers, for people."""

    module: str
    answers: str


BENCHMARKS: Mapping[str, Benchmark] = {
    "overhead": Benchmark("overhead", "what a call costs beside the bare engine"),
    "preprocess": Benchmark("preprocess", "frame to tensor, beside the tutorial's code"),
    "frame": Benchmark("frame", "frame to class, beside the bare engine and the tutorial's code"),
    "detect": Benchmark("detect", "a detector's tensor to boxes, beside numpy and the tutorial's loop"),
    "streams": Benchmark("streams", "looking for motion, saving a film, preparing ahead: beside inference"),
    "batches": Benchmark("batches", "several pictures at once, beside as many calls"),
    "onnx_routes": Benchmark("onnx_routes", "our int8 ONNX beside ONNX Runtime's own"),
    "latency_table": Benchmark("latency_table", "times predicted from operators measured alone, beside whole nets"),
    "schemes": Benchmark("schemes", "every scheme: accuracy, size and latency, beside float32"),
    "sparsity": Benchmark("sparsity", "weights made zero or equal: accuracy, and size when packed"),
    "tracking": Benchmark("tracking", "an update of the tracker, and how well numbers hold in simulated crowds"),
    "footprint": Benchmark("footprint", "import, memory and load, beside the bare packages"),
}

_NAMES = "\n".join(f"{name:13} {one.answers}" for name, one in BENCHMARKS.items())


@click.command(help=f"Measure side by side: ratios, not times, hold on another machine.\n\n\b\n{_NAMES}")
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHMARKS)), metavar="[NAME]...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--seconds", default=2.0, show_default=True, type=click.FloatRange(0.0), help="Of each comparison.")
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="For streams, batches, onnx_routes, schemes, sparsity: a .keras file, one picture in.",
)
@click.option("--data", type=click.Path(path_type=Path), help="Its samples, as for 'lepton-edge convert'.")
@click.option("--holdout", default=0.3, show_default=True, help="Share of them that judges, for schemes, sparsity.")
@click.option(
    "--fashion-mnist", type=click.Path(path_type=Path), help="For schemes, sparsity: a folder with its idx.gz files."
)
@click.option("--resize", type=click.Choice(["stretch", "letterbox", "crop"]), default="stretch", show_default=True)
@click.option("--range", "range_", type=click.Choice(list(PRESET_RANGES)), help="Numbers that it expects for bytes.")
def main(
    names: tuple[str, ...],
    *,
    as_json: bool,
    seconds: float,
    model: Path | None,
    data: Path | None,
    holdout: float,
    fashion_mnist: Path | None,
    resize: Literal["stretch", "letterbox", "crop"],
    range_: str | None,
) -> None:
    """Run the benchmarks named, or all, and print their tables."""
    given = _subject(model, data, holdout, resize, range_)
    tables: dict[str, tuple[Table, ...]] = {}
    with tempfile.TemporaryDirectory(prefix="lepton-edge-benchmarks-") as folder:
        workshop = Workshop(Path(folder), given, fashion_mnist)
        for name in dict.fromkeys(names or BENCHMARKS):
            click.echo(f"{name} …", err=True)
            module = cast("BenchmarkModule", import_module(f"benchmarks.{BENCHMARKS[name].module}"))
            tables[name] = module.measure(workshop, seconds)
            if not as_json:
                click.echo("".join(f"{table}\n\n" for table in tables[name]), nl=False)
    if as_json:
        content = {name: [asdict(table) for table in several] for name, several in tables.items()}
        click.echo(json.dumps(content, indent=2, ensure_ascii=False))


def _subject(
    model: Path | None,
    data: Path | None,
    holdout: float,
    resize: Literal["stretch", "letterbox", "crop"],
    range_: str | None,
) -> Subject | None:
    if (model is None) != (data is None):
        raise click.UsageError("--model and --data go together: int8 is calibrated on samples")
    if model is None or data is None:
        return None
    preset = PRESET_RANGES[range_] if range_ else {}
    return Subject(model.resolve(), data.resolve(), Preprocess(resize=resize, **preset), trained=True, holdout=holdout)


if __name__ == "__main__":
    main()
