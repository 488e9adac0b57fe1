"""Options that several commands share: what a user says of a model's pictures and answers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from lepton_edge_runtime.description import Description, described
from lepton_edge_runtime.preprocess import PRESET_RANGES, Preprocess
from lepton_edge_runtime.tasks import TASKS


def _size(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, int] | None:
    del context, parameter
    if value is None:
        return None
    width, cross, height = value.lower().partition("x")
    if not cross or not width.isdecimal() or not height.isdecimal():
        raise click.BadParameter(f"{value!r} is no size; write WIDTHxHEIGHT, such as 224x224")
    try:
        return Preprocess(size=(int(width), int(height))).size
    except ValueError as problem:
        raise click.BadParameter(str(problem)) from problem


def format_list(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Return the formats of a value such as ``tflite,onnx``."""
    del context, parameter
    if value is None:
        return None
    formats = tuple(one.strip() for one in value.split(","))
    if not set(formats) <= {"tflite", "onnx"} or len(set(formats)) != len(formats):
        raise click.BadParameter(f"{value!r} is no list of formats; write tflite, onnx, or tflite,onnx")
    return formats


_OPTIONS = (
    click.option("--labels", type=click.Path(path_type=Path), help="Text file with the classes' names, one a line."),
    click.option("--size", callback=_size, metavar="WxH", help="Picture size of the input [default: the model's]."),
    click.option(
        "--resize",
        type=click.Choice(["stretch", "letterbox", "crop"]),
        help="How pictures are made to fit [default: the model's, or stretch].",
    ),
    click.option(
        "--align",
        type=click.Choice(["center", "top-left"]),
        help="Where a letterbox puts the picture [default: the model's, or center].",
    ),
    click.option(
        "--color",
        type=click.Choice(["rgb", "bgr", "gray"]),
        help="Channel order that the model expects [default: the model's; rgb, or gray for one channel].",
    ),
    click.option(
        "--range",
        "range_",
        type=click.Choice(list(PRESET_RANGES)),
        help="Numbers that the model expects for bytes 0 to 255 [default: what it tells, else assumed and said].",
    ),
    click.option("--task", type=click.Choice(list(TASKS)), help="What the outputs are, where the model does not tell."),
)

describe_option = click.option(
    "--describe",
    type=click.Path(path_type=Path),
    metavar="TOML",
    help="File that says more of the model: task, labels, head, key points, preprocessing [default: the .toml of the "
    "same name beside a .tflite or .onnx file].",
)

logits_option = click.option(
    "--logits/--no-logits",
    default=None,
    help="Leave the softmax or sigmoid that a classifier ends in out of the files: the runtime's decoder applies it "
    "[default: the recipe's, no].",
)


_BUDGET = (
    click.option("--speedup", type=float, metavar="X", help="X times as fast in 8 bits as before at least, here."),
    click.option("--params", type=float, metavar="SHARE", help="Share of the parameters that may be left, 0 to 1."),
    click.option("--macs", type=float, metavar="SHARE", help="Share of the multiplications that may be left, 0 to 1."),
    click.option("--size-kb", type=float, metavar="KB", help="Most that the int8 file may have, KB of 1,024 bytes."),
    click.option("--latency-ms", type=float, metavar="MS", help="Most that a sample may take in 8 bits, here."),
)


_TRAINING = (
    click.option(
        "--train-data",
        type=click.Path(path_type=Path),
        help="Samples to train with where a model is pruned, made sparse or trained for 8 bits [default: those that do "
        "not judge; in a repair those that calibrate].",
    ),
    click.option(
        "--epochs",
        type=click.IntRange(1),
        metavar="N",
        help="Of training: of a pruned model each round; of a sparse one for zeros, and as many for clusters.",
    ),
)


@dataclass(frozen=True, slots=True)
class Said:
    """What the options say of a model; ``None`` where they leave it to the model.

    Attributes:
        labels: A text file with the classes' names.
        preprocess: For the inputs that take pictures.
        task: What the outputs are.
        described: A TOML file that says more.
    """

    labels: Path | None
    preprocess: Preprocess | None
    task: str | None
    described: Path | None = None

    @property
    def description(self) -> Description:
        """All of it; what the options say goes before the file."""
        return described(self.labels, self.preprocess, self.task, self.described)


def file_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--describe``, and what ``model_options`` adds, to a command that takes model files of others."""
    return model_options(describe_option(command))


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--labels --size --resize --align --color --range --task`` to a command, which gets them as ``said``."""

    @wraps(command)
    def with_said(
        *,
        labels: Any,
        size: Any,
        resize: Any,
        align: Any,
        color: Any,
        range_: Any,
        task: Any,
        describe: Any = None,
        **others: Any,
    ) -> Any:
        preprocess = _preprocess(range_, size=size, resize=resize, align=align, color=color)
        return command(said=Said(labels, preprocess, task, describe), **others)

    decorated: Callable[..., Any] = with_said
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def prune_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the bounds of pruning, ``--epochs`` and ``--train-data`` to a command.

    It gets what is said of the first as ``shrink``, keys of a recipe, and the last as ``train_data``.
    """

    @wraps(command)
    def with_shrink(*, epochs: int | None, **others: Any) -> Any:
        said = {name: others.pop(name) for name in ("speedup", "params", "macs", "size_kb", "latency_ms")}
        shrink = {name: value for name, value in {**said, "epochs": epochs}.items() if value is not None}
        return command(shrink=shrink, **others)

    decorated = budget_options(with_shrink)
    for option in reversed(_TRAINING):
        decorated = option(decorated)
    return decorated


def budget_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--speedup --params --macs --size-kb --latency-ms`` to a command: how far channels are pruned."""
    for option in reversed(_BUDGET):
        command = option(command)
    return command


def _preprocess(range_: str | None, **asked: Any) -> Preprocess | None:
    asked.update(PRESET_RANGES[range_] if range_ else {})
    given = {name: value for name, value in asked.items() if value is not None}
    try:
        return Preprocess(**given) if given else None
    except ValueError as wrong:
        raise click.UsageError(str(wrong)) from wrong
