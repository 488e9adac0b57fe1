"""What must be true of an environment once a kit is installed in it. A check yields what is wrong."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dist_check.environment import Environment
from dist_check.kits import FULL, Kit
from dist_check.processes import run
from dist_check.subject import CONVERT_OPTIONS, Subject

_TRAINING = frozenset({"tensorflow", "keras", "tf-keras", "tf_keras", "tf2onnx", "onnx"})
_NEVER = frozenset({"torch", "torchvision"})
_ENGINE_STACK = frozenset({"numpy", "opencv-python", "opencv-python-headless", "ai-edge-litert"})
_PI_BUDGET_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Installed:
    """A kit in its environment, as measured.

    Attributes:
        kit: What was asked for.
        environment: Where it is.
        subject: What it is asked to run.
        sizes: Bytes of each distribution.
        import_ms: Processor time of importing our package, median of a few processes.
        heavy: Heavy packages that the import loaded.
        pinned: Whether the versions are those of the development environment.
    """

    kit: Kit
    environment: Environment
    subject: Subject
    sizes: dict[str, int]
    import_ms: float
    heavy: tuple[str, ...]
    pinned: bool

    @property
    def over_engine_stack(self) -> int:
        """Bytes beside numpy, OpenCV and LiteRT."""
        return sum(size for name, size in self.sizes.items() if name not in _ENGINE_STACK)

    @property
    def command(self) -> Path:
        """The command line's script."""
        return self.environment.folder / "bin" / "lepton-edge"


def no_conflicts(installed: Installed) -> Iterator[str]:
    """pip check finds no conflict."""
    installed.environment.check()
    yield from ()  # a generator, so that what fails is caught where its findings are collected


def no_training_framework(installed: Installed) -> Iterator[str]:
    """No TensorFlow, Keras or ONNX tools outside [convert] and [demo], and PyTorch nowhere."""
    allowed = _TRAINING if "convert" in installed.kit.brings else frozenset()
    yield from (f"{name} is there" for name in sorted((_TRAINING | _NEVER) - allowed) if name in installed.sizes)


def light_import(installed: Installed) -> Iterator[str]:
    """Importing the package loads nothing heavier than numpy."""
    yield from (f"it loads {name}" for name in installed.heavy if name != "numpy")


def within_budget(installed: Installed) -> Iterator[str]:
    """[pi] is at most 10 MB over numpy, OpenCV and LiteRT."""
    over = installed.over_engine_stack
    if over > _PI_BUDGET_BYTES:
        yield f"it is {over:,} bytes over"


def own_packages(installed: Installed) -> Iterator[str]:
    """The full wheel brings its three packages, the runtime-only one lepton_edge_runtime alone."""
    full = installed.kit.distribution == FULL
    right = ["lepton_edge", "lepton_edge_converters", "lepton_edge_runtime"] if full else ["lepton_edge_runtime"]
    found = installed.environment.probe("packages")
    if found != right:
        yield f"it brings {', '.join(found)}"


def same_answer(installed: Installed) -> Iterator[str]:
    """In Python the bundle answers class and score exactly as in the development environment."""
    subject, brings = installed.subject, installed.kit.brings
    # A tensor needs no OpenCV.
    kinds = {"tensor": subject.tensor} | ({"picture": subject.picture} if "camera" in brings else {})
    for backend in installed.kit.engines:
        for kind, sample in kinds.items():
            found = installed.environment.probe("answer", subject.bundle, backend, sample)
            if found != subject.answers[backend, kind]:
                yield f"{backend}, a {kind}: {found}, not {subject.answers[backend, kind]}"


def missing_parts_named(installed: Installed) -> Iterator[str]:
    """What is not installed is named, with the extra of this very distribution that brings it."""
    for part in installed.kit.missing:
        said = installed.environment.probe("missing", part, installed.subject.bundle, installed.subject.picture)
        if f"pip install '{installed.kit.distribution}[{part}]'" not in said:
            yield f"{part}: {said or 'no error'}"


def command_line_runs(installed: Installed) -> Iterator[str]:
    """``lepton-edge run`` answers likewise, or says in one line which extra is missing."""
    kit, subject = installed.kit, installed.subject
    words: list[str | Path] = [installed.command, "run", subject.bundle, "--camera", subject.picture.parent, "--json"]
    done = run(words, cwd=subject.folder)
    if kit.engines and "camera" in kit.brings:
        if done.returncode:
            yield f"exit {done.returncode}: {done.stderr.strip()}"
            return
        top = json.loads(done.stdout.splitlines()[0])
        found = [top["classes"][0]["label"], top["classes"][0]["score"], top["backend"]]
        right = subject.answers[kit.engines[0], "picture"]
        if found != right:
            yield f"{found}, not {right}"
    else:
        extra = "camera" if kit.engines else "tflite"
        lines = done.stderr.splitlines()
        if done.returncode != 1 or len(lines) != 1 or f"'{FULL}[{extra}]'" not in lines[0]:
            yield f"exit {done.returncode}: {done.stderr.strip()}"


def converts(installed: Installed) -> Iterator[str]:
    """``lepton-edge convert`` converts a Keras file, at the same versions to the same bytes."""
    subject, out = installed.subject, installed.environment.folder / "patterns.lepton"
    done = run([installed.command, "convert", subject.keras, "-o", out, *CONVERT_OPTIONS], cwd=subject.folder)
    if done.returncode:
        yield f"exit {done.returncode}: {done.stderr.strip()}"
        return
    if installed.pinned and out.read_bytes() != subject.bundle.read_bytes():
        yield "the bundle has other bytes"
    found, right = (
        installed.environment.probe("answer", out, "tflite", subject.tensor),
        subject.answers["tflite", "tensor"],
    )
    if found != right:
        yield f"its bundle answers {found}, not {right}"


def demo_runs(installed: Installed) -> Iterator[str]:
    """``lepton-edge demo`` trains, converts and reads digits."""
    done = run([installed.command, "demo", "-o", "demo"], cwd=installed.environment.folder)
    if done.returncode:
        yield f"exit {done.returncode}: {done.stderr.strip()}"


def checks_of(kit: Kit) -> Iterator[Callable[[Installed], Iterator[str]]]:
    """Yield the checks that say something of this kit."""
    yield from (no_conflicts, no_training_framework, light_import, own_packages)
    if kit.extra == "pi":
        yield within_budget
    if kit.engines:
        yield same_answer
    if kit.missing:
        yield missing_parts_named
    if kit.distribution == FULL:
        yield command_line_runs
    if "convert" in kit.brings:
        yield converts
    if "demo" in kit.brings:
        yield demo_runs
