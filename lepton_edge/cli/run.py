"""``lepton-edge run``."""

import json
import logging
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from lepton_edge.cli.options import Said, model_options
from lepton_edge.cli.quiet import quiet_engines, quiet_opencv
from lepton_edge_runtime.camera import Camera
from lepton_edge_runtime.draw import draw
from lepton_edge_runtime.model import Model, open_model
from lepton_edge_runtime.recorder import Recorder
from lepton_edge_runtime.results import Result
from lepton_edge_runtime.window import Window

_FALLBACK_FPS = 10.0


@click.command(name="run")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--camera",
    "source",
    required=True,
    metavar="SOURCE",
    help="A camera's number, a video file, or a folder of pictures.",
)
@click.option(
    "--backend",
    default="auto",
    show_default=True,
    help="tflite, onnx, or auto: the first that passes the golden samples.",
)
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads of the engine.")
@model_options
@click.option("--top", default=3, show_default=True, type=click.IntRange(1), help="How many classes to show.")
@click.option("--max-frames", type=click.IntRange(1), help="Stop after this many frames.")
@click.option("--save", type=click.Path(path_type=Path), help="Write an annotated video: .mp4, .avi or .mkv.")
@click.option("--show", is_flag=True, help="Show the frames in a window; q or Escape ends it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a frame, and one of totals.")
@click.option("--force", is_flag=True, help="Replace an existing video.")
@click.option("--verbose", is_flag=True, help="Say what was opened and chosen.")
def command(
    model: Path,
    source: str,
    backend: str,
    threads: int,
    said: Said,
    top: int,
    max_frames: int | None,
    save: Path | None,
    *,
    show: bool,
    as_json: bool,
    force: bool,
    verbose: bool,
) -> None:
    """Run MODEL, a bundle, .tflite or .onnx, on a camera, a video or a folder of pictures.

    Results go to standard output, one line a frame; at the end, standard error says where every frame went
    and which engine answered. What had to be assumed of a file without our card is said there first; --labels to
    --task say more, and go before what a card says.

    \b
    Examples:
      lepton-edge run birds.lepton --camera 0
      lepton-edge run birds.lepton --camera garden.mp4 --json --max-frames 100
      lepton-edge run detector.tflite --camera street.mp4 --save boxes.mp4
    """
    if verbose:
        logging.getLogger().setLevel(logging.INFO)
    if save is not None and save.exists() and not force:
        raise click.UsageError(f"{save} exists already; replace it with --force")
    quiet_opencv()
    with ExitStack() as stack:
        with quiet_engines():
            opened = stack.enter_context(
                open_model(
                    model,
                    backend=backend,
                    labels=said.labels,
                    preprocess=said.preprocess,
                    task=said.task,
                    threads=threads,
                    top=top,
                )
            )
        for assumption in opened.assumptions:
            click.echo(f"lepton-edge: assumed: {assumption}", err=True)
        window = stack.enter_context(Window(f"{model.stem} - q to quit")) if show else None
        camera = stack.enter_context(Camera(source))
        recorder = stack.enter_context(Recorder(save, fps=camera.fps or _FALLBACK_FPS)) if save else None
        begin = time.monotonic()
        answered = _stream(opened, camera, window, recorder, max_frames, as_json=as_json)
        seconds = time.monotonic() - begin
        camera.close()
        _summary(opened, camera, answered, seconds, as_json=as_json)


def _stream(
    model: Model,
    camera: Camera,
    window: Window | None,
    recorder: Recorder | None,
    max_frames: int | None,
    *,
    as_json: bool,
) -> int:
    answered = 0
    try:
        for result in model.stream(camera):
            answered += 1
            click.echo(json.dumps(_as_dict(result)) if as_json else _line(result))
            frame = result.origin.frame
            if frame is not None and (recorder or window):
                drawn = draw(result, frame.image)
                if recorder:
                    recorder.write(drawn)
                if window and not window.show(drawn):
                    break
            if answered == max_frames:
                break
    except KeyboardInterrupt:
        pass  # Ctrl-C is how a camera is stopped; the totals follow
    return answered


def _line(result: Result) -> str:
    frame, timing = result.origin.frame, result.origin.timing
    where = f"{frame.index:6d} {frame.name or f'{frame.position_seconds:8.2f} s'}" if frame else ""
    return f"{where}  {result}  ({timing.preprocess_ms + timing.inference_ms:.2f} ms)"


def _as_dict(result: Result) -> dict[str, Any]:
    frame, timing = result.origin.frame, result.origin.timing
    about = (
        {"frame": frame.index, "position_seconds": round(frame.position_seconds, 3), "name": frame.name}
        if frame
        else {}
    )
    return {
        **about,
        **result.to_dict(),
        "backend": result.origin.backend,
        "preprocess_ms": round(timing.preprocess_ms, 3),
        "inference_ms": round(timing.inference_ms, 3),
    }


def _summary(model: Model, camera: Camera, answered: int, seconds: float, *, as_json: bool) -> None:
    counts = camera.counts
    if as_json:
        totals = {
            "captured": counts.captured,
            "answered": answered,
            "dropped": dict(counts.dropped),
            "seconds": round(seconds, 3),
            "backend": model.choice.backend,
            "engine": model.choice.engine,
            "reason": model.choice.reason,
            "assumptions": list(model.assumptions),
        }
        click.echo(json.dumps({"totals": totals}))
        return
    dropped = ", ".join(f"{count} {reason}" for reason, count in counts.dropped.items()) or "none"
    click.echo(
        f"{counts.captured} frames in = {answered} answered + dropped: {dropped}; "
        f"{answered / max(seconds, 1e-9):.1f} a second; {model.choice}",
        err=True,
    )
