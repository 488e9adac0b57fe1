"""One step: a version of a net made, and asked what the test images are; what it gives is kept as a file at once."""

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import monotonic

import msgspec
import numpy as np
from numpy.typing import NDArray

import lepton_edge as le
from benchmarks.children import run_child
from benchmarks.idx import read
from benchmarks.pruning.files import FILES, Times, answer, time_together
from benchmarks.pruning.versions import CALIBRATION, VERSIONS, Settings
from lepton_edge_converters.report import Report
from lepton_edge_runtime.atomic import replacing
from lepton_edge_runtime.errors import LeptonError

SETTINGS = "settings.json"
_KEPT, _BUNDLE, _TIMES = "made.json", "model.lepton", "times.json"


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a step.

    Attributes:
        seconds: How long it took.
        refused: Why there is no such version; empty where there is.
        answers: Of the test images, a digit each, by engine.
        size_bytes: Of the file, by engine.
        gzip_bytes: Of the file once it is packed, likewise.
        parameters, macs: Of the model that was exported.
        importance: Share of it that pruning left, 0 to 1.
        epochs: The best of each training, and how many there were.
        told: What was changed, and what the user should know.
    """

    seconds: float
    refused: str = ""
    answers: dict[str, str] = {}
    size_bytes: dict[str, int] = {}
    gzip_bytes: dict[str, int] = {}
    parameters: int = 0
    macs: int | None = None
    importance: float | None = None
    epochs: tuple[tuple[int, int], ...] = ()
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A version of a net, begun with a seed."""

    net: str
    seed: int
    version: str

    @property
    def title(self) -> str:
        """Return it for people."""
        return f"{self.net}, seed {self.seed}: {VERSIONS[self.version].title}"


def in_order(nets: Sequence[str], seeds: int, seeded: Sequence[str]) -> Iterator[Step]:
    """Yield all steps, the most telling first: all nets whole and twice as fast, all else of them, further seeds.

    Args:
        nets: Which.
        seeds: How many for the nets in ``seeded``; the others have one.
        seeded: Which of them have several.
    """
    for seed in range(seeds):
        of_seed = [net for net in nets if not seed or net in seeded]
        for first in (True, False):
            for net in of_seed:
                yield from (Step(net, seed, name) for name, one in VERSIONS.items() if one.first == first)


class Bench:
    """A folder of results.

    Attributes:
        settings: What all of them were made with.

    Args:
        pictures: Folder with Fashion-MNIST's four files.
        folder: Where results are; it may have some.
        settings: What all of them were made with.
    """

    def __init__(self, pictures: Path, folder: Path, settings: Settings) -> None:
        self._pictures = pictures
        self._folder = folder
        self.settings = settings

    def place(self, step: Step) -> Path:
        """Return the folder of a step."""
        return self._folder / step.net / str(step.seed) / step.version

    def found(self, step: Step) -> Made | None:
        """Return what became of a step; ``None`` where it is still to be done."""
        path = self.place(step) / _KEPT
        return msgspec.json.decode(path.read_bytes(), type=Made) if path.exists() else None

    def carry_out(self, step: Step) -> Made:
        """Do a step, and keep what it gives."""
        recipe = VERSIONS[step.version].recipe(self.settings, step.seed)
        place = self.place(step)
        place.mkdir(parents=True, exist_ok=True)
        keras = self._trained(step)
        begin = monotonic()
        try:
            report = self._converted(step, keras, recipe)
        except LeptonError as refused:
            made = Made(seconds=monotonic() - begin, refused=str(refused))
        else:
            made = self._measured(place, report, monotonic() - begin)
        with replacing(place / _KEPT) as file:
            file.write(msgspec.json.format(msgspec.json.encode(made)))
        return made

    def times(self, steps: Sequence[Step], image: NDArray[np.uint8], seconds: float) -> Times:
        """Return the times of one net's versions that are there; they are measured anew where one has changed.

        Args:
            steps: Of the net, begun with one seed.
            image: What they are timed on, 1 × 28 × 28 × 1.
            seconds: How long, about.

        Raises:
            FileNotFoundError: Files are gone, as in a folder of results from elsewhere, and were not all timed there.
        """
        there = {step.version: self.place(step) / _BUNDLE for step in steps if self._is_there(step)}
        path = self.place(steps[0]).parent / _TIMES
        before = msgspec.json.decode(path.read_bytes(), type=Times) if path.exists() else None
        gone = [bundle for bundle in there.values() if not bundle.exists()]
        if gone and before is not None and before.hashes.keys() == there.keys():
            return before
        if gone:
            raise FileNotFoundError(f"{gone[0]} is gone, and has not been timed beside the others: make it anew")
        hashes = {version: sha256(bundle.read_bytes()).hexdigest() for version, bundle in there.items()}
        if before is not None and before.hashes == hashes:
            return before
        bundles = {version: le.Bundle(path) for version, path in there.items()}
        times = time_together(bundles, hashes, image, seconds)
        with replacing(path) as file:
            file.write(msgspec.json.format(msgspec.json.encode(times)))
        return times

    def export(self, folder: Path) -> None:
        """Copy what the tables are made of, without the files: a later run goes on from there, on another machine.

        Only nets with all of their versions are copied, since those of a net must be timed together.
        """
        done = [one for one in self._folder.glob("*/*") if len(list(one.glob(f"*/{_KEPT}"))) == len(VERSIONS)]
        results = [path for one in done for path in (*one.glob(f"*/{_KEPT}"), one / _TIMES)]
        for path in (self._folder / SETTINGS, *results):
            place = folder / path.relative_to(self._folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())

    def forget_times(self) -> None:
        """Let all be timed anew."""
        for path in self._folder.glob(f"*/*/{_TIMES}"):
            path.unlink()

    def _is_there(self, step: Step) -> bool:
        made = self.found(step)
        return made is not None and not made.refused

    def _trained(self, step: Step) -> Path:
        epochs = VERSIONS[step.version].epochs(self.settings)
        path = self.place(step).parent / f"{step.net}_{epochs}.keras"
        if not path.exists():
            asked = step.net, str(step.seed), self._pictures, str(self.settings.images), str(epochs)
            run_child("pruning.train", *asked, path)
        return path

    def _converted(self, step: Step, keras: Path, recipe: le.Recipe) -> Report:
        """Convert; the samples that judge here are no test images, and refuse nothing."""
        images, classes = (part[: self.settings.images] for part in read(self._pictures, "train"))
        return le.convert(
            keras,
            self.place(step) / _BUNDLE,
            data=(images[: 2 * CALIBRATION], classes[: 2 * CALIBRATION]),
            train_data=(images, classes) if recipe.trains else None,
            recipe=recipe,
            holdout=0.5,
            images=False,
            force=True,
            cache=self._folder / "cache",
        )

    def _measured(self, place: Path, report: Report, seconds: float) -> Made:
        bundle = le.Bundle(place / _BUNDLE)
        images, _ = read(self._pictures, "t10k")
        contents = {engine: bundle.member(member) for engine, member in FILES.items()}
        return Made(
            seconds=seconds,
            answers={engine: answer(bundle, engine, images) for engine in FILES},
            size_bytes={engine: len(content) for engine, content in contents.items()},
            gzip_bytes={engine: len(gzip.compress(content, mtime=0)) for engine, content in contents.items()},
            parameters=report.parameters,
            macs=report.macs,
            importance=report.pruned.importance if report.pruned else None,
            epochs=tuple((one.best_epoch, len(one.history) - 1) for one in report.pruned.recoveries)
            if report.pruned
            else (),
            told=(*report.changes, *report.warnings),
        )
