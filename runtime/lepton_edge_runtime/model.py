"""A model, opened: callable on a picture or a text, and on every frame of a camera."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.camera import Camera
from lepton_edge_runtime.card import Card
from lepton_edge_runtime.choice import Choice, Runner, choose
from lepton_edge_runtime.closing import Closing
from lepton_edge_runtime.description import Description
from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.frame import Frame
from lepton_edge_runtime.images import Image
from lepton_edge_runtime.intake import Intake
from lepton_edge_runtime.opening import given_by_user, read_candidate
from lepton_edge_runtime.plan import Placement
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.results import Origin, Result, Timing
from lepton_edge_runtime.ring import Ring
from lepton_edge_runtime.tasks import Limits, make_decoder
from lepton_edge_runtime.tuned.store import look_up
from lepton_edge_runtime.yuv import YuvImage

log = logging.getLogger(__name__)


def open_model(
    path: str | Path,
    *,
    backend: str = "auto",
    labels: Sequence[str] | str | Path | None = None,
    preprocess: Preprocess | None = None,
    task: str | None = None,
    description: Description | str | Path | None = None,
    threads: int | None = None,
    top: int = 5,
    min_score: float | None = None,
    iou: float | None = None,
    cache: str | Path | None = None,
) -> "Model":
    """Open a bundle, or a ``.tflite`` or ``.onnx`` file, or a zip archive with one and perhaps its ``labels.txt``.

    A file that carries our card is taken at its word. Of others, metadata are read, the arguments below say
    more, and what is left is assumed and said in ``model.assumptions``. The file is loaded into this process:
    ``verify`` and ``adopt`` try one of doubtful origin in a process of its own.

    Args:
        path: The file.
        backend: ``tflite``, ``onnx``, or ``auto``: the first installed one that passes the golden samples.
        labels: Names of the classes, or a text file with one a line, instead of the card's.
        preprocess: Instead of the card's, for the inputs that take pictures; what it leaves open stays the
            card's (``range``, ``mean`` and ``std`` together).
        task: Row of ``TASKS``, instead of the card's.
        description: More that is said of the model, or the TOML file that says it; what stands above goes before.
        threads: Of the engine; 1 if not given, or what ``tune`` chose.
        top: How many classes a classifier's result holds.
        min_score: Least score, 0 to 1, of a box or body; if not given, the card's.
        iou: Boxes of one class that overlap by more than this share, 0 to 1, count as one; if not given, the card's.
        cache: Folder that ``tune`` stored a choice in. It is used where ``backend`` is ``auto`` and ``threads`` is
            not given; if it is stale, broken or fails the golden samples, ``choice.rejected`` says so, and the
            first backend that passes serves.

    Raises:
        BundleError, ModelFileError: The file cannot be read, trusted or served.
        PreprocessError: The preprocessing contradicts the model, or the size of its pictures must be given.
        BackendError, MissingExtraError: No engine, or not the one named, can run it.

    Example:
        >>> with open_model("birds.lepton") as model:      # doctest: +SKIP
        ...     print(model("parrot.jpg").top.label)
        Ara macao
    """
    path = Path(path)
    candidate = read_candidate(path, given_by_user(labels, preprocess, task, description))
    decode = make_decoder(candidate.card, Limits(top, min_score, iou))
    intake = Intake(candidate)
    asked = backend != "auto" or threads is not None
    preferred = None if cache is None or asked else look_up(cache, path)
    runner, choice = choose(candidate, backend, 1 if threads is None else threads, preferred)
    log.info("%s: %s", path, choice)
    for assumption in candidate.assumptions:
        log.info("%s: assumed: %s", path, assumption)
    return Model(intake, runner, decode, choice, candidate.assumptions)


Gate = Callable[[Frame], bool]
"""Tells whether a frame is worth being answered: a ``MotionGate``, or one's own."""


def answered(camera: Camera, answer: Callable[[Frame], Result | str], gate: Gate | None = None) -> Iterator[Result]:
    """Yield the answer to each frame of ``camera``; a frame without one is counted there as dropped.

    Args:
        camera: Where frames come from.
        answer: Returns the answer to a frame, or the reason why it has none.
        gate: Frames that it does not let pass are ``still``.
    """
    for frame in camera:
        try:
            result = answer(frame) if gate is None or gate(frame) else "still"
        except BaseException as problem:
            camera.take_back("interrupted" if isinstance(problem, KeyboardInterrupt) else "failed")
            raise
        if isinstance(result, str):
            camera.take_back(result)
        else:
            yield result


class Model(Closing):
    """An opened model. It serves one thread at a time: a second call waits.

    Attributes:
        card: What it takes and answers.
        choice: Which engine runs it, and why.
        assumptions: What neither its file nor the caller says, one sentence each; none with a card of ours.
    """

    def __init__(
        self, intake: Intake, runner: Runner, decode: Any, choice: Choice, assumptions: tuple[str, ...] = ()
    ) -> None:
        self.card: Card = intake.card
        self.choice = choice
        self.assumptions = assumptions
        self._runner: Runner | None = runner
        self._decode = decode
        self._intake = intake
        self._lock = Lock()

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes; empty where the card has none."""
        return self.card.labels

    def __call__(
        self, sample: Image | YuvImage | str | Path | NDArray[Any] | Mapping[str, NDArray[Any] | YuvImage]
    ) -> Result:
        """Return the answer to one picture or text, or to model-ready tensors.

        Args:
            sample: A picture (height × width × 3, BGR, or height × width, grey; ``uint8``), one as a camera gives it
                (``YuvImage``: sooner done, and not exactly the same), the path of one, a list of them where the model
                takes clips, a text where it takes texts, a ``float32`` tensor of the input's shape, or one of these an
                input by name (pictures where ``uint8`` and the input takes pictures, else tensors in real numbers).

        Raises:
            InputError: The model takes no such thing.
        """
        with self._lock:
            return self._answer(sample, None)

    def stream(self, camera: Camera, *, stride: int | None = None, gate: Gate | None = None) -> Iterator[Result]:
        """Yield the answer to each frame of ``camera``; ``result.origin.frame`` is the frame.

        A model that takes clips answers once there are enough frames, and then every ``stride`` frames about the clip
        that ends there; each frame is prepared once. A stream that was lost and found begins anew.

        Frames that the camera counts as delivered are those answered: one whose answer fails, or is
        interrupted by Ctrl-C, is counted there as dropped; one that the gate does not let pass as ``still``; of
        clips, one that ends none as ``gathered``, and one that belongs to none as ``skipped``.

        Args:
            camera: Where frames come from.
            stride: Answer every so many frames, instead of as often as the card says.
            gate: Asked about each frame whether it is to be answered, such as a ``MotionGate``.

        Raises:
            ValueError: A stride that is none, or for single pictures; a gate before a model that takes clips.
        """
        ring = self._intake.ring(stride)
        if ring is None:
            return answered(camera, self.answer, gate)
        if gate is not None:
            raise ValueError("a gate leaves frames out, and a model that takes clips needs every one")
        return answered(camera, self._clips(camera, ring))

    def answer(self, frame: Frame) -> Result:
        """Return the answer to one frame of a camera; ``result.origin.frame`` is the frame."""
        with self._lock:
            return self._answer(frame.image, frame)

    def tensors(
        self, sample: Image | YuvImage | str | Path | NDArray[Any] | Mapping[str, NDArray[Any] | YuvImage]
    ) -> tuple[NDArray[Any], ...]:
        """Return what the engine is given for a sample: one array an input, in the card's order, as stored.

        Raises:
            InputError: The model takes no such thing, or is closed.
        """
        with self._lock:
            runner = self._opened()
            self._intake.fill(runner, sample)
            return tuple(runner.input_view(i).copy() for i in range(len(self.card.inputs)))

    def run(self, tensors: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        """Return what the engine answers to what ``tensors`` gives: one array an output, likewise.

        Raises:
            InputError: These are not the model's input tensors, or it is closed.
        """
        ends = [end.tensor for end in self.card.inputs]
        if [(one.dtype, one.shape) for one in tensors] != [(np.dtype(one.dtype), one.shape) for one in ends]:
            raise InputError(f"the input tensors are {', '.join(map(str, ends))}")
        with self._lock:
            return self._opened().answer(tensors)

    def close(self) -> None:
        """Free the engine; a call afterwards raises InputError."""
        with self._lock:
            if self._runner is not None:
                self._runner.backend.close()
                self._runner = None

    def _clips(self, camera: Camera, ring: Ring) -> Callable[[Frame], Result | str]:
        """Return what answers clips frame by frame; to one that ends none, with the reason."""
        reopened = camera.counts.reopened

        def answer(frame: Frame) -> Result | str:
            nonlocal reopened
            now = camera.counts.reopened
            if now != reopened:  # what came before does not belong to what comes
                ring.clear()
                reopened = now
            return self._gathered(ring, frame) if ring.wants() else "skipped"

        return answer

    def _gathered(self, ring: Ring, frame: Frame) -> Result | str:
        """Return the answer to the clip that a frame ends; where it ends none, that it was gathered."""
        with self._lock:
            runner = self._opened()
            begin = perf_counter_ns()
            placement = ring.add(frame.image)
            if placement is None:
                return "gathered"
            ring.write(runner.input_view(0))
            return self._run(runner, begin, placement, frame)

    def _answer(self, sample: Any, frame: Frame | None) -> Result:
        runner = self._opened()
        begin = perf_counter_ns()
        return self._run(runner, begin, self._intake.fill(runner, sample), frame)

    def _run(self, runner: Runner, begin: int, placement: Placement | None, frame: Frame | None) -> Result:
        """Return the answer to what the engine was given, from ``begin`` on."""
        filled = perf_counter_ns()
        outputs = runner.run()
        timing = Timing((filled - begin) / 1e6, (perf_counter_ns() - filled) / 1e6)
        return self._decode(outputs, placement, Origin(self.choice.backend, timing, frame))  # type: ignore[no-any-return]  # a Decode

    def _opened(self) -> Runner:
        if self._runner is None:
            raise InputError("this model is closed")
        return self._runner
