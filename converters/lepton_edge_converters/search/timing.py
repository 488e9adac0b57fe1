"""Every file of every point, timed in one run: what was measured at different times cannot be compared."""

from pathlib import Path

from lepton_edge_converters.speed import Timings, time_fairly
from lepton_edge_converters.worker import report_progress
from lepton_edge_runtime.backends import BACKENDS, open_backend
from lepton_edge_runtime.bundle import GOLDEN, Bundle
from lepton_edge_runtime.choice import Runner
from lepton_edge_runtime.golden import decode_golden


def timed_as(bundle: Path, engine: str) -> str:
    """Return what a bundle's file is called among the timings."""
    return f"{bundle.stem} {engine}"


def time_bundles(bundles: list[Path], seconds: float) -> Timings:
    """Return the times of each bundle's files, one thread, on its first golden sample; runs in the worker."""
    report_progress("latency", 0, 1)
    runners = {name: runner for bundle in bundles for name, runner in _open(bundle).items()}
    timings = time_fairly({name: runner.run for name, runner in runners.items()}, seconds=seconds)
    for runner in runners.values():
        runner.backend.close()
    return timings


def _open(path: Path) -> dict[str, Runner]:
    bundle = Bundle(path)
    card = bundle.card
    golden = decode_golden(bundle.member(GOLDEN), card)
    shapes = {end.tensor.name: end.tensor.shape for end in card.inputs}
    opened = {}
    for name, engine in BACKENDS.items():
        if engine.member in bundle:
            backend = open_backend(name, bundle.member(engine.member), threads=1, shapes=shapes)
            runner = opened[timed_as(path, name)] = Runner(name, backend, card)
            runner.answer([tensor[0] for tensor in golden.inputs])
    return opened
