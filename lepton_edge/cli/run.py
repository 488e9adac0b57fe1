"""``lepton-edge run``."""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import click

from lepton_edge.cli.answers import Opened, as_dict, line, motion, summary
from lepton_edge.cli.cache import cache_folder, cache_option, no_cache_option
from lepton_edge.cli.options import Said, file_options
from lepton_edge.cli.parts import Parts, parts_options
from lepton_edge.cli.quiet import quiet_engines, quiet_opencv
from lepton_edge.cli.show import print_json, say
from lepton_edge.cli.texts import read_lines
from lepton_edge.cli.tracks import LEAST_SCORE, tracked
from lepton_edge_runtime.camera import Camera
from lepton_edge_runtime.chains import chain
from lepton_edge_runtime.clips import INTERVAL_MAX
from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.model import Model, open_model
from lepton_edge_runtime.motion import MotionGate
from lepton_edge_runtime.recorder import Recorder
from lepton_edge_runtime.results import Result
from lepton_edge_runtime.window import Window

_FALLBACK_FPS = 10.0


@click.command(name="run")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--camera",
    "source",
    metavar="SOURCE",
    help="A camera's number, a stream (rtsp://…, http://…), csi:0 for a Raspberry Pi camera, a video file, a picture, "
    "or a folder of pictures.",
)
@click.option(
    "--text",
    metavar="TEXT|FILE|-",
    help="Instead of a camera: a text, a file with one a line, or - for the lines of standard input.",
)
@click.option(
    "--backend",
    default="auto",
    show_default=True,
    help="tflite, onnx, or auto: what tune chose, else the first that passes the golden samples.",
)
@click.option("--threads", type=click.IntRange(1), help="Threads of the engine.  [default: 1, or what tune chose]")
@cache_option
@no_cache_option
@file_options
@click.option("--top", default=3, show_default=True, type=click.IntRange(1), help="How many classes to show.")
@click.option("--min-score", type=click.FloatRange(0, 1), help="Least score of a box or body.  [default: the model's]")
@click.option(
    "--then",
    type=click.Path(path_type=Path),
    metavar="MODEL",
    help="Ask a second model about each thing found.",
)
@click.option("--on", multiple=True, metavar="CLASS", help="Ask it about this class only; may be given several times.")
@parts_options
@click.option("--track", is_flag=True, help="Number what a detector finds from frame to frame; show what has a number.")
@click.option(
    "--stride",
    type=click.IntRange(1, INTERVAL_MAX),
    metavar="N",
    help="Of a model that takes clips: answer every N frames, once there are enough.  [default: the model's]",
)
@click.option("--max-frames", type=click.IntRange(1), help="Stop after this many frames.")
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    help="Write an annotated video of the answered frames: .mp4, .avi or .mkv.",
)
@click.option("--show", is_flag=True, help="Show the answered frames in a window; q or Escape ends it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a frame, and one of totals.")
@click.option("--force", is_flag=True, help="Replace an existing video.")
@click.option("--verbose", is_flag=True, help="Say what was opened and chosen.")
def command(
    model: Path,
    source: str | None,
    text: str | None,
    backend: str,
    threads: int | None,
    cache: Path | None,
    said: Said,
    top: int,
    min_score: float | None,
    then: Path | None,
    on: tuple[str, ...],
    parts: Parts,
    stride: int | None,
    max_frames: int | None,
    save: Path | None,
    *,
    track: bool,
    show: bool,
    as_json: bool,
    force: bool,
    verbose: bool,
    no_cache: bool,
) -> None:
    """Run MODEL, a bundle, .tflite, .onnx or a zip of one, on a camera, a stream, a video, a folder, or texts.

    Results go to standard output, one line a frame; at the end, also of a run that fails or is stopped with
    Ctrl-C, standard error says where every frame went and which engine answered. A camera or stream goes on
    until Ctrl-C; a stream that is lost is opened anew. What had to be assumed of a file without our card is
    said there first; --labels to --task say more, and go before what a card says.

    \b
    Examples:
      lepton-edge run birds.lepton --camera 0
      lepton-edge run birds.lepton --camera rtsp://USER:PASSWORD@10.0.0.7/stream1
      lepton-edge run birds.lepton --camera garden.mp4 --json --max-frames 100
      lepton-edge run detector.tflite --camera street.mp4 --save boxes.mp4
      lepton-edge run detector.tflite --camera 0 --region 0.5,0,1,1 --motion
      lepton-edge run detector.tflite --camera 0 --track --save numbered.mp4
      lepton-edge run detector.tflite --then dogs.lepton --on dog --camera 0
      lepton-edge run sentiment.lepton --text "what a lovely film"
    """
    if verbose:
        logging.getLogger().setLevel(logging.INFO)
    _refuse(source, text, then, on, stride, save, track=track, shown=bool(show or max_frames), force=force)
    parts.refuse(text=text is not None, stride=stride is not None)
    choices = cache_folder(cache, unused=no_cache)
    with ExitStack() as stack:
        # The engine first: where nothing is installed yet, it is the engine that decides which extra is wanted.
        with quiet_engines():
            first = stack.enter_context(
                open_model(
                    model,
                    backend=backend,
                    description=said.description,
                    threads=threads,
                    top=top,
                    min_score=LEAST_SCORE if track and min_score is None else min_score,
                    cache=choices,
                )
            )
            opened: Opened = parts.of(first)
            if then is not None:
                second = stack.enter_context(open_model(then, backend=backend, top=1, cache=choices))
                opened = chain(opened, second, on=on)
        _check_stride(first, stride)
        for assumption in opened.assumptions:
            say(f"lepton-edge: assumed: {assumption}", err=True)
        if text is not None:
            _answer_texts(first, text, as_json=as_json)
            return
        quiet_opencv()
        assert source is not None  # noqa: S101 - one of both was given
        window = stack.enter_context(Window(f"{model.stem} - q to quit")) if show else None
        camera = stack.enter_context(Camera(source))
        recorder = stack.enter_context(Recorder(save, fps=camera.fps or _FALLBACK_FPS)) if save else None
        gate = parts.gate()
        begin = time.monotonic()
        try:
            results = first.stream(camera, stride=stride) if stride else _streamed(opened, camera, gate)
            results = tracked(results) if track else results
            _show(results, camera, gate, window, recorder, max_frames, as_json=as_json)
        finally:
            seconds = time.monotonic() - begin
            camera.close()
            summary(opened, camera, recorder, seconds, as_json=as_json)


def _refuse(
    source: str | None,
    text: str | None,
    then: Path | None,
    on: tuple[str, ...],
    stride: int | None,
    save: Path | None,
    *,
    track: bool,
    shown: bool,
    force: bool,
) -> None:
    """Raise UsageError for options that do not go together."""
    if (source is None) == (text is None):
        raise click.UsageError("say what is to be answered: --camera SOURCE, or --text for a model that takes texts")
    if text is not None and (then or stride or save or shown):
        raise click.UsageError("--then, --stride, --save, --show and --max-frames are about pictures, not texts")
    if stride is not None and then:
        raise click.UsageError("--stride is about clips of whole frames, and things found are none")
    if track and (then or stride or text is not None):
        raise click.UsageError("--track is for what a detector finds: not with --then, --stride or --text")
    if on and then is None:
        raise click.UsageError("--on says what a second model is asked about: give one with --then")
    if save is not None and save.exists() and not force:
        raise click.UsageError(f"{save} exists already; replace it with --force")


def _streamed(opened: Opened, camera: Camera, gate: MotionGate | None) -> Iterator[Result]:
    try:
        return opened.stream(camera, gate=gate)
    except ValueError as refused:
        raise click.UsageError(f"--motion: {refused}") from refused


def _check_stride(model: Model, stride: int | None) -> None:
    """Refuse a stride for what takes no clips, before a camera is opened."""
    if stride is not None and [end.clip is None for end in model.card.inputs] != [False]:
        raise InputError("--stride is for models that take clips of one camera, and this one does not")


def _show(
    results: Iterator[Result],
    camera: Camera,
    gate: MotionGate | None,
    window: Window | None,
    recorder: Recorder | None,
    max_frames: int | None,
    *,
    as_json: bool,
) -> None:
    try:
        for answered, result in enumerate(results, start=1):
            if as_json:
                print_json({**as_dict(result), **motion(gate)}, indent=None)
            else:
                say(line(result))
            frame = result.origin.frame
            if frame is not None and (recorder or window):
                drawn = result.draw(frame.image)
                if recorder:
                    # Files are answered frame by frame; of a live camera some frames are passed over, and none waits.
                    at_seconds = frame.captured_seconds if camera.live else None
                    recorder.write(drawn, at_seconds=at_seconds, wait=not camera.live)
                if window and not window.show(drawn):
                    break
            if answered == max_frames:
                break
    except KeyboardInterrupt:
        pass  # Ctrl-C is how a camera is stopped; the totals follow


def _answer_texts(model: Model, text: str, *, as_json: bool) -> None:
    """Answer line by line, as they come; Ctrl-C ends it."""
    if not any(end.tokenize for end in model.card.inputs):
        raise InputError("this model takes no texts; say what it is to look at (--camera)")
    with suppress(KeyboardInterrupt):
        for one in read_lines(text):
            result = model(one)
            if as_json:
                print_json({"text": one, **as_dict(result)}, indent=None)
            else:
                say(f"{result}  {one}")
    say(str(model.choice), err=True)
