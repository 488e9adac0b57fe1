"""``lepton-edge explain``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lepton_edge.cli.interrupts import ending_cleanly
from lepton_edge.cli.options import Said, file_options
from lepton_edge.cli.progress import ProgressLine, progress_bar
from lepton_edge.cli.quiet import quiet_engines
from lepton_edge.cli.show import print_json, say
from lepton_edge_runtime.images import read_image

if TYPE_CHECKING:
    from lepton_edge_runtime.explanation.explanation import Explanation

_KERAS = {".keras", ".h5", ".hdf5"}


@click.command(name="explain")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("image", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Draw the heat into this picture, NAME.png.")
@click.option(
    "--method",
    type=click.Choice(["rise", "occlusion", "gradcam"]),
    default="rise",
    show_default=True,
    help="Random cells hidden, one patch after the other hidden, or a Keras model's gradients.",
)
@click.option("--target", metavar="CLASS", help="Name or number of the class [default: the surest one].")
@click.option(
    "--which",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Of several boxes of the class: 1, the surest.",
)
@click.option("--samples", type=click.IntRange(2), help="Random masks of rise [default: 1000, or 2000 for boxes].")
@click.option("--grid", type=click.IntRange(2), help="Cells along the shorter side [default: 7, or 16 for boxes].")
@click.option("--seed", default=0, show_default=True, help="Of the random masks.")
@click.option("--backend", default="auto", show_default=True, help="tflite, onnx, or auto, as in run.")
@click.option("--threads", type=click.IntRange(1), help="Threads of the engine [default: 1].")
@file_options
@click.option(
    "--layer", default="", metavar="NAME", help="Layer that gradcam looks at [default: the last convolution]."
)
@click.option("--custom", multiple=True, metavar="MODULE:NAME", help="Of gradcam: as in convert. Repeatable.")
@click.option("--trust", is_flag=True, help="Of gradcam: let Python code inside the model file (Lambda layers) run.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, the heat in at most 28 × 28 numbers.")
@click.option("--force", is_flag=True, help="Replace an existing picture.")
@click.option("--verbose", is_flag=True, help="Of gradcam: show what the converter libraries print.")
def command(
    file: Path,
    image: Path,
    output: Path | None,
    method: Any,
    target: str | None,
    which: int,
    samples: int | None,
    grid: int | None,
    seed: int,
    backend: str,
    threads: int | None,
    said: Said,
    layer: str,
    custom: tuple[str, ...],
    *,
    trust: bool,
    as_json: bool,
    force: bool,
    verbose: bool,
) -> None:
    """Show which places of IMAGE the answer of FILE rests on.

    FILE is a bundle, .tflite or .onnx that classifies, detects or embeds: parts of the picture are hidden, and the
    deployed file itself is asked again, some thousand times. With --method gradcam it is a .keras or .h5 file of a
    classifier. The picture drawn has a legend: by how much the score falls where a place is hidden.

    \b
    Examples:
      lepton-edge explain birds.lepton parrot.jpg -o heat.png
      lepton-edge explain coco.tflite street.jpg --target person --which 2 -o heat.png
      lepton-edge explain birds.keras parrot.jpg --method gradcam --labels birds.txt -o heat.png
    """
    from lepton_edge_runtime.explanation.explanation import check_picture_place  # noqa: PLC0415 - only for this command

    _check(file, method, samples, grid, layer, which)
    if output is not None:
        check_picture_place(output, force=force)
    picture = read_image(image)
    with ending_cleanly(), progress_bar(shown=not verbose) as progress:
        if method == "gradcam":
            explanation = _by_gradients(
                file, picture, target, layer, said, custom, progress, trust=trust, verbose=verbose
            )
        else:
            explanation = _by_hiding(
                file, picture, target, which, method, samples, grid, seed, backend, threads, said, progress
            )
    if output is not None:
        explanation.save(output, picture, force=force)
    if as_json:
        print_json(explanation.to_dict())
    else:
        say(str(explanation))
        say(f"asked {explanation.runs} times, by {explanation.by}", err=True)
    if output is not None:
        say(f"wrote {output}", err=True)


def _by_hiding(
    file: Path,
    picture: Any,
    target: str | None,
    which: int,
    method: Any,
    samples: int | None,
    grid: int | None,
    seed: int,
    backend: str,
    threads: int | None,
    said: Said,
    progress: ProgressLine,
) -> "Explanation":
    from lepton_edge_runtime.explanation.explain import explain  # noqa: PLC0415 - only for this method
    from lepton_edge_runtime.model import open_model  # noqa: PLC0415 - only for this method

    with quiet_engines():
        model = open_model(
            file, backend=backend, description=said.description, threads=threads,
        )  # fmt: skip
    with model:
        for assumption in model.assumptions:
            say(f"lepton-edge: assumed: {assumption}", err=True)
        return explain(
            model, picture, target=target, which=which, method=method, samples=samples, grid=grid, seed=seed,
            progress=progress,
        )  # fmt: skip


def _by_gradients(
    file: Path,
    picture: Any,
    target: str | None,
    layer: str,
    said: Said,
    custom: tuple[str, ...],
    progress: ProgressLine,
    *,
    trust: bool,
    verbose: bool,
) -> "Explanation":
    from lepton_edge_converters.gradcam import grad_cam  # noqa: PLC0415 - only for this method

    if custom:
        sys.path.append(str(Path.cwd()))  # last, so that nothing there hides an installed package
    return grad_cam(
        file, picture, target=target, layer=layer, labels=said.labels, preprocess=said.preprocess, custom=custom,
        trust=trust, verbose=verbose, progress=progress,
    )  # fmt: skip


def _check(file: Path, method: str, samples: int | None, grid: int | None, layer: str, which: int) -> None:
    """Refuse options that go with another method than the one asked for."""
    of_keras = file.suffix.lower() in _KERAS or file.is_dir()
    if of_keras and method != "gradcam":
        raise click.UsageError(f"{file} is a Keras model, whose gradients explain it: --method gradcam")
    if not of_keras and method == "gradcam":
        raise click.UsageError(f"gradcam needs a Keras model, .keras or .h5, and {file} is none; try --method rise")
    if samples is not None and method != "rise":
        raise click.UsageError(f"--samples is for --method rise, not for {method}")
    if method == "gradcam" and (grid is not None or which != 1):
        raise click.UsageError("--grid and --which are for --method rise and occlusion")
    if layer and method != "gradcam":
        raise click.UsageError(f"--layer is for --method gradcam, not for {method}")
