"""Options of clips: which frames of a camera go into a model at once."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from lepton_edge_runtime.clips import FRAMES_MAX, INTERVAL_MAX, Clip

_OPTIONS = (
    click.option(
        "--frames",
        type=click.IntRange(1, FRAMES_MAX),
        metavar="N",
        help="Pictures of a clip, for a model that takes several in a row [default: the model's].",
    ),
    click.option(
        "--interval",
        type=click.IntRange(1, INTERVAL_MAX),
        metavar="N",
        help="Each is so many frames of the camera, or video, after the one before [default: 1].",
    ),
    click.option(
        "--stride",
        type=click.IntRange(1, INTERVAL_MAX),
        metavar="N",
        help="A camera is answered every so many frames, once there are enough [default: 1].",
    ),
)


def clip_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--frames --interval --stride`` to a command, which gets them as ``clip``; ``None`` without any."""

    @wraps(command)
    def with_clip(*, frames: int | None, interval: int | None, stride: int | None, **others: Any) -> Any:
        said = frames is not None or interval is not None or stride is not None
        clip = Clip(frames=frames, interval=interval or 1, stride=stride or 1) if said else None
        return command(clip=clip, **others)

    decorated: Callable[..., Any] = with_clip
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated
