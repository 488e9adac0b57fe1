"""``lepton-edge convert``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lepton_edge.cli.cache import cache_folder, no_stage_cache_option, stage_cache_option
from lepton_edge.cli.clips import clip_options
from lepton_edge.cli.interrupts import ending_cleanly
from lepton_edge.cli.options import Said, describe_option, format_list, logits_option, model_options, prune_options
from lepton_edge.cli.page import page_options
from lepton_edge.cli.progress import progress_bar
from lepton_edge.cli.sparse import sparse_options
from lepton_edge.cli.texts import Texts, text_options
from lepton_edge.cli.told import Server, junit_path
from lepton_edge.cli.verdict import print_refusal, print_success
from lepton_edge_runtime.clips import Clip
from lepton_edge_runtime.errors import LeptonError

if TYPE_CHECKING:
    from lepton_edge_converters.recipe import Recipe


def _with(recipe: str | None, locked: Path | None, **settings: Any) -> "Recipe":
    """Return the recipe that is named, or that of the lock, with more settings."""
    from lepton_edge_converters.lock import read_lock  # noqa: PLC0415 - only for this command
    from lepton_edge_converters.recipe import load_recipe  # noqa: PLC0415 - likewise

    return load_recipe(recipe or (read_lock(locked).recipe if locked else "int8"), **settings)


@click.command(name="convert")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The bundle to write, NAME.lepton."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Samples that calibrate and judge: a folder of pictures or videos (class subfolders are labels), a .csv with "
    "path and label or class_index, .npz (x, y; or one array an input) or .npy; of texts, a .csv with text and label, "
    "a .txt with one a line, or a folder of .txt files.",
)
@describe_option
@model_options
@text_options
@clip_options
@click.option(
    "--recipe",
    metavar="NAME|FILE",
    help="float32, float16, dynamic, int8, or a .toml file [default: int8; with --locked, the lock's].",
)
@click.option(
    "--io",
    type=click.Choice(["uint8", "int8", "float32"]),
    help="Type of an int8 model's inputs and outputs [default: the recipe's, uint8].",
)
@click.option(
    "--batch",
    type=click.Choice(["1", "dynamic"]),
    help="Samples that the files take at once; dynamic leaves their first axis free [default: the recipe's, 1].",
)
@logits_option
@click.option(
    "--formats",
    callback=format_list,
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
    type=click.FloatRange(0),
    metavar="POINTS",
    help="Refuse the result if it loses more accuracy than this, or more of the --metric named (exit 3).",
)
@click.option(
    "--metric",
    metavar="NAME|MODULE:FUNCTION",
    help="Judge by it: r2, closeness, map, miou, pck, oks, or a function of your own (reference, outputs, targets), "
    "higher being better; looked for in the current folder too [default: the one of the task].",
)
@click.option("--min-metric", type=float, metavar="NUMBER", help="Refuse the result if the metric is less (exit 3).")
@click.option(
    "--strict",
    is_flag=True,
    help="Refuse for anything odd about the samples, and for bounds that they cannot prove (exit 3).",
)
@click.option(
    "--ranges",
    type=click.Choice(["minmax", "percentile", "mse", "best"]),
    help="How an int8 model's ranges are estimated; best tries all [default: the recipe's, minmax].",
)
@click.option(
    "--float-layer",
    "float_layers",
    multiple=True,
    metavar="NAME",
    help="Leave this layer of an int8 model in float; see sensitivity. Repeatable.",
)
@click.option(
    "--repair",
    is_flag=True,
    help="If a gate refuses an int8 model, try better ranges, equalization and bias correction, layers in float, then "
    "training for 8 bits.",
)
@click.option(
    "--repair-minutes",
    type=click.FloatRange(0, min_open=True),
    metavar="MINUTES",
    help="Begin no further step of a repair after this long [default: the recipe's, 30].",
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
    "--qat/--no-qat",
    default=None,
    help="Train the weights and ranges of an int8 model to bear 8 bits, taught by the original; takes minutes "
    "[default: the recipe's, no].",
)
@click.option(
    "--fastest",
    is_flag=True,
    default=None,
    help="Try every scheme and ship the fastest here that passes the recipe's gates; the smallest, where several are.",
)
@prune_options
@sparse_options
@click.option(
    "--custom",
    multiple=True,
    metavar="MODULE:NAME",
    help="A class or function of your own that the model is made of; looked for in the current folder too. Repeatable.",
)
@click.option("--trust", is_flag=True, help="Let Python code inside the model file (Lambda layers) run.")
@click.option("--signature", default="", help="Which signature of a SavedModel [default: the only or default one].")
@page_options
@click.option(
    "--junit",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=junit_path,
    metavar="FILE",
    help="Write the gates as JUnit XML too.",
)
@click.option(
    "--annotations",
    type=click.Choice(["github"]),
    help="Write what refused, and what to know, as a build server's annotations to standard error.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--force", is_flag=True, help="Replace an existing bundle.")
@click.option(
    "--locked",
    is_flag=True,
    help="Make again the very bundle that OUT.lepton.lock describes, with its settings, or name what differs (exit 3).",
)
@stage_cache_option
@no_stage_cache_option
@click.option("--verbose", is_flag=True, help="Show what the converter libraries print.")
def command(
    model: Path,
    output: Path,
    data: Path | None,
    said: Said,
    texts: Texts,
    clip: Clip | None,
    recipe: str | None,
    io: Any,
    batch: Any,
    formats: Any,
    holdout: float | None,
    calibration: int | None,
    max_drop: float | None,
    ranges: Any,
    float_layers: tuple[str, ...],
    repair_minutes: float | None,
    metric: str | None,
    min_metric: float | None,
    shrink: dict[str, Any],
    train_data: Path | None,
    zeros: float | str | None,
    clusters: int | None,
    custom: tuple[str, ...],
    signature: str,
    explain: int | None,
    junit: Path | None,
    annotations: Any,
    cache: Path | None,
    *,
    repair: bool,
    strict: bool,
    equalize: bool | None,
    correct_bias: bool | None,
    qat: bool | None,
    logits: bool | None,
    fastest: bool | None,
    trust: bool,
    no_images: bool,
    as_json: bool,
    force: bool,
    locked: bool,
    no_cache: bool,
    verbose: bool,
) -> int:
    """Convert the Keras model MODEL into a bundle, proven to be still the same model.

    MODEL is a .keras or .h5 file of Keras 3 or Keras 2, a SavedModel folder, or a Teachable Machine export.
    The report goes to standard output, and as NAME.report.json and NAME.report.html, a page for people,
    beside the bundle, as is NAME.lepton.lock, which says what it was made from. If a gate refuses the result, an
    older bundle and its report stay as they are, NAME.refused.report.json and .html say why, and the exit status is 3.

    \b
    Example:
      lepton-edge convert birds.keras -o birds.lepton --data photos/ --max-drop 1.0
    """
    from lepton_edge_converters.errors import GateRefusedError  # noqa: PLC0415 - only for this command
    from lepton_edge_converters.pipeline import convert  # noqa: PLC0415 - only for this command

    if custom or metric or (recipe or "").endswith(".toml"):  # all that may name a user's own module
        sys.path.append(str(Path.cwd()))  # last, so that nothing there hides an installed package
    server = Server(junit, annotations)
    kept = cache_folder(cache, unused=no_cache)
    with ending_cleanly(), progress_bar(shown=not verbose) as progress:
        try:
            report = convert(
                model,
                output,
                data=data,
                train_data=train_data,
                recipe=_with(recipe, output if locked else None, zeros=zeros, clusters=clusters, **shrink)
                if shrink
                else recipe,
                description=said.description,
                vocabulary=texts.vocabulary,
                standardize=texts.standardize,
                split=texts.split,
                clip=clip,
                io=io,
                batch=1 if batch == "1" else batch,
                logits=logits,
                formats=formats,
                holdout=holdout,
                calibration=calibration,
                max_drop=max_drop,
                ranges=ranges,
                float_layers=float_layers or None,
                metric=metric,
                min_metric=min_metric,
                repair=repair or None,
                repair_minutes=repair_minutes,
                strict=strict or None,
                equalize=equalize,
                correct_bias=correct_bias,
                qat=qat,
                fastest=fastest,
                zeros=zeros,
                clusters=clusters,
                custom=custom,
                trust=trust,
                signature=signature,
                images=not no_images,
                explain=explain or 0,
                force=force,
                locked=locked,
                cache=kept,
                verbose=verbose,
                progress=progress,
            )
        except GateRefusedError as refused:
            progress.clear()
            print_refusal(refused.report, server, as_json=as_json)
            raise
        except LeptonError as error:
            progress.clear()
            server.tell_error(model, error)
            raise
    server.tell(report)
    print_success(report, as_json=as_json)
    return 0
