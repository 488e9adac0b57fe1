"""The demo: train a small digit reader, prune it, convert it, and run it on a video, start to end.

The network is the one of many a first tutorial: two convolutions, two poolings, a hidden layer. The digits
are 1,797 handwritten ones that scikit-learn ships, 8 × 8 pixels, enlarged to 28 × 28.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.pipeline import convert
from lepton_edge_converters.recipe import load_recipe
from lepton_edge_converters.report import Report
from lepton_edge_converters.worker import Progress, Worker, report_progress
from lepton_edge_runtime.camera import Camera, Counts
from lepton_edge_runtime.choice import Choice
from lepton_edge_runtime.errors import MissingExtraError
from lepton_edge_runtime.images import opencv
from lepton_edge_runtime.model import open_model
from lepton_edge_runtime.recorder import Recorder
from lepton_edge_runtime.results import Classes
from lepton_edge_runtime.timing import time_interleaved

SIZE = 28
_UNSEEN_SHARE = 0.4
_EPOCHS = 15
# By multiplications and not by time: on a busy machine a budget of time may be out of reach.
_PRUNED: Mapping[str, Any] = {"macs": 0.3, "rounds": 1, "epochs": 15}
_RECIPES: tuple[tuple[str, str, Mapping[str, Any]], ...] = (("plain", "int8", {}), ("digits", "prune-int8", _PRUNED))
_VIDEO_DIGITS = 120
_VIDEO_FPS = 10.0
_VIDEO_SIZE = 224


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What came of it.

    Attributes:
        plain: Of the conversion to 8 bits.
        report: Of the conversion with fewer channels: pruned, trained again, then to 8 bits.
        times: Milliseconds of the plain and of the pruned file, in one run.
        video: The film of digits that was played to the pruned one.
        shown: Digits in the video.
        right: Digits read right.
        counts: Where the video's frames went.
        choice: Which engine read them, and why.
    """

    plain: Report
    report: Report
    times: tuple[float, float]
    video: Path
    shown: int
    right: int
    counts: Counts
    choice: Choice


def run_demo(folder: Path, *, progress: Progress, verbose: bool = False) -> DemoResult:
    """Train, prune, convert and run in ``folder``, which is made if need be; files of an earlier demo are replaced.

    Raises:
        MissingExtraError: scikit-learn is not installed.
        LeptonError: A step failed; see ``convert`` and ``open_model``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures, digits = load_digits()
    shuffled = np.random.default_rng(0).permutation(len(digits))
    # Three parts that share nothing: to film, to calibrate and judge, to train.
    filmed, unseen, seen = np.split(shuffled, [_VIDEO_DIGITS, round(_UNSEEN_SHARE * len(digits))])
    training = folder / "training.npz"
    np.savez(training, x=pictures[seen], y=digits[seen])
    keras_file = folder / "digits.keras"
    with Worker(verbose=verbose) as worker:
        worker.call("lepton_edge.demo:train", training, keras_file, progress=progress)
    reports = [
        convert(
            keras_file,
            folder / f"{name}.lepton",
            data=(pictures[unseen], digits[unseen]),
            train_data=(pictures[seen], digits[seen]) if recipe.trains else None,
            labels=[str(digit) for digit in range(10)],
            recipe=recipe,
            holdout=0.7,
            max_drop=1.0,
            force=True,
            verbose=verbose,
            progress=progress,
        )
        for name, recipe in ((name, load_recipe(shipped, **settings)) for name, shipped, settings in _RECIPES)
    ]
    video = folder / "digits.avi"
    _film(video, pictures[filmed])
    progress("reading the video", 0, 1)
    with open_model(folder / "digits.lepton") as model, Camera(video) as camera:
        read = [result.top.index for result in model.stream(camera) if isinstance(result, Classes)]
        right = int((np.array(read) == digits[filmed]).sum())
        times = _times([report.output for report in reports])
        plain, pruned = reports
        return DemoResult(plain, pruned, times, video, len(filmed), right, camera.counts, model.choice)


def load_digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return 1,797 handwritten digits: n × 28 × 28 × 1, ``uint8``, white on black; and which they are.

    Raises:
        MissingExtraError: scikit-learn, which ships them, is not installed.
    """
    try:
        from sklearn.datasets import load_digits as load  # noqa: PLC0415 - an extra
    except ImportError as missing:
        raise MissingExtraError("scikit-learn", extra="demo") from missing
    cv2 = opencv()
    content: Any = load()
    small = np.rint(content.images * (255 / 16)).astype(np.uint8)
    pictures = np.stack([cv2.resize(one, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR_EXACT) for one in small])
    return pictures[..., np.newaxis], content.target.astype(np.int64)


def train(training: Path, out: Path) -> None:
    """Train the network on the digits in ``training`` and save it; runs in the worker."""
    import keras  # noqa: PLC0415 - only in the worker

    keras.utils.set_random_seed(0)
    with np.load(training) as content:
        pictures, digits = content["x"], content["y"]
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1), name="image"),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ],
        name="digits",
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    told = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, _: report_progress("training", epoch + 1, _EPOCHS))
    model.fit(pictures.astype(np.float32), digits, epochs=_EPOCHS, batch_size=32, verbose=0, callbacks=[told])
    model.save(out)


def _times(bundles: list[Path]) -> tuple[float, float]:
    """Return the milliseconds of two bundles on the engine that is chosen for each, one beside the other."""
    with open_model(bundles[0]) as plain, open_model(bundles[1]) as pruned:
        picture = np.zeros((SIZE, SIZE, 3), np.uint8)
        timed = time_interleaved({"plain": lambda: plain(picture), "pruned": lambda: pruned(picture)}, seconds=2.0)
    return timed["plain"].median_ms, timed["pruned"].median_ms


def _film(path: Path, pictures: NDArray[np.uint8]) -> None:
    """Write a video that shows each digit for one frame, as large as a camera would."""
    cv2 = opencv()
    with Recorder(path, fps=_VIDEO_FPS) as recorder:
        for picture in pictures:
            large = cv2.resize(picture[..., 0], (_VIDEO_SIZE, _VIDEO_SIZE), interpolation=cv2.INTER_LINEAR)
            recorder.write(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR))
