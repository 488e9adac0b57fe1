"""``lepton-edge convert``."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from lepton_edge.cli.options import Said, model_options
from lepton_edge.cli.progress import progress_bar


def _formats(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    del context, parameter
    if value is None:
        return None
    formats = tuple(one.strip() for one in value.split(","))
    if not set(formats) <= {"tflite", "onnx"} or len(set(formats)) != len(formats):
        raise click.BadParameter(f"{value!r} is no list of formats; write tflite, onnx, or tflite,onnx")
    return formats


@click.command(name="convert")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The bundle to write, NAME.lepton."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Samples that calibrate and judge: a folder of pictures (class subfolders are labels), a .csv with path "
    "and label or class_index, .npz (x, y; or one array an input) or .npy.",
)
@model_options
@click.option(
    "--recipe",
    default="int8",
    show_default=True,
    metavar="NAME|FILE",
    help="float32, float16, dynamic, int8, or a .toml file.",
)
@click.option(
    "--io",
    type=click.Choice(["uint8", "int8", "float32"]),
    help="Type of an int8 model's inputs and outputs [default: the recipe's, uint8].",
)
@click.option(
    "--formats",
    callback=_formats,
    metavar="LIST",
    help="tflite, onnx, or tflite,onnx [default: the recipe's, both].",
)
@click.option(
    "--holdout",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of the samples that judges the result [default: the recipe's, 0.3].",
)
@click.option(
    "--calibration",
    type=click.IntRange(1),
    help="How many of the other samples calibrate [default: the recipe's, 100].",
)
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 100),
    metavar="POINTS",
    help="Refuse the result if it loses more accuracy than this (exit 3).",
)
@click.option(
    "--equalize/--no-equalize",
    default=None,
    help="Bring channels to like ranges before they are rounded to 8 bits [default: the recipe's, no].",
)
@click.option(
    "--correct-bias/--no-correct-bias",
    default=None,
    help="Take what rounding shifts on average out of the biases of an int8 model [default: the recipe's, no].",
)
@click.option(
    "--custom",
    multiple=True,
    metavar="MODULE:NAME",
    help="A class or function of your own that the model is made of; looked for in the current folder too. Repeatable.",
)
@click.option("--trust", is_flag=True, help="Let Python code inside the model file (Lambda layers) run.")
@click.option("--signature", default="", help="Which signature of a SavedModel [default: the only or default one].")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--force", is_flag=True, help="Replace an existing bundle.")
@click.option("--verbose", is_flag=True, help="Show what the converter libraries print.")
def command(
    model: Path,
    output: Path,
    data: Path | None,
    said: Said,
    recipe: str,
    io: Any,
    formats: Any,
    holdout: float | None,
    calibration: int | None,
    max_drop: float | None,
    custom: tuple[str, ...],
    signature: str,
    *,
    equalize: bool | None,
    correct_bias: bool | None,
    trust: bool,
    as_json: bool,
    force: bool,
    verbose: bool,
) -> int:
    """Convert the Keras model MODEL into a bundle, proven to be still the same model.

    MODEL is a .keras or .h5 file of Keras 3 or Keras 2, a SavedModel folder, or a Teachable Machine export.
    The report goes to standard output, and as NAME.report.json beside the bundle. If a gate refuses the
    result, nothing is written, an older bundle stays as it is, and the exit status is 3.

    \b
    Example:
      lepton-edge convert birds.keras -o birds.lepton --data photos/ --max-drop 1.0
    """
    from lepton_edge_converters.errors import GateRefusedError  # noqa: PLC0415 - only for this command
    from lepton_edge_converters.pipeline import convert  # noqa: PLC0415 - only for this command

    if custom:
        sys.path.append(str(Path.cwd()))  # last, so that nothing there hides an installed package
    with progress_bar(shown=not verbose) as progress:
        try:
            report = convert(
                model,
                output,
                data=data,
                labels=said.labels,
                recipe=recipe,
                preprocess=said.preprocess,
                task=said.task,
                io=io,
                formats=formats,
                holdout=holdout,
                calibration=calibration,
                max_drop=max_drop,
                equalize=equalize,
                correct_bias=correct_bias,
                custom=custom,
                trust=trust,
                signature=signature,
                force=force,
                verbose=verbose,
                progress=progress,
            )
        except GateRefusedError as refused:
            progress.clear()
            _print(refused.report, as_json=as_json)
            raise
    _print(report, as_json=as_json)
    if not as_json:
        click.echo(f"wrote {report.output} ({report.size_bytes / 1024:,.0f} KB) in {report.seconds:.0f} s", err=True)
    return 0


def _print(report: Any, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=2))
        return
    from lepton_edge_converters.report.table import print_report  # noqa: PLC0415 - needs rich

    print_report(report, sys.stdout)
