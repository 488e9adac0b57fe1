"""The files of a bundle, run by the runtime's engines: what they answer, and how long they take."""

from collections.abc import Mapping
from contextlib import ExitStack

import msgspec
import numpy as np
from numpy.typing import NDArray

import lepton_edge as le
from lepton_edge_converters.report.numbers import Ratio
from lepton_edge_converters.speed import time_fairly
from lepton_edge_runtime.backends import BACKENDS, open_backend
from lepton_edge_runtime.choice import Runner, engine_version
from lepton_edge_runtime.machine import describe_machine
from lepton_edge_runtime.timing import Latency

FILES: Mapping[str, str] = {name: BACKENDS[name].member for name in ("tflite", "onnx")}
"""The member of a bundle that each engine runs."""


class Timed(msgspec.Struct, frozen=True, kw_only=True):
    """One version on one engine, beside all others of its net.

    Attributes:
        latency: Of a sample, one thread.
        speedup: How many times as fast as plain int8 on the same engine it is; ``None`` where there is none.
    """

    latency: Latency
    speedup: Ratio | None


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """An interleaved run of all files of a net.

    Attributes:
        hashes: Of the bundles, by version.
        machine: Where it was.
        engines: Their versions.
        timed: By version and engine.
    """

    hashes: dict[str, str]
    machine: str
    engines: dict[str, str]
    timed: dict[str, dict[str, Timed]]


def answer(bundle: le.Bundle, engine: str, images: NDArray[np.uint8]) -> str:
    """Return a digit for each image, n × 28 × 28 × 1: the class that the bundle's file decides for."""
    runner, stored = _opened(bundle, engine), _stored(bundle, images)
    decided = [int(np.argmax(runner.answer([stored[place : place + 1]])[0])) for place in range(len(stored))]
    runner.backend.close()
    return "".join(map(str, decided))


def time_together(
    bundles: Mapping[str, le.Bundle], hashes: dict[str, str], image: NDArray[np.uint8], seconds: float
) -> Times:
    """Return the times of both files of each bundle in one interleaved run, on one image, 1 × 28 × 28 × 1."""
    with ExitStack() as stack:
        calls = {}
        for version, bundle in bundles.items():
            for engine in FILES:
                runner = _opened(bundle, engine)
                stack.callback(runner.backend.close)
                runner.answer([_stored(bundle, image)])
                calls[version, engine] = runner.run
        timings = time_fairly({_key(*one): call for one, call in calls.items()}, seconds=seconds)
    timed: dict[str, dict[str, Timed]] = {}
    for version, engine in calls:
        plain = timings.ratio(_key("int8", engine), to=_key(version, engine)) if "int8" in bundles else None
        latency = timings.latency(_key(version, engine))
        timed.setdefault(version, {})[engine] = Timed(latency=latency, speedup=plain)
    engines = {engine: engine_version(engine) for engine in FILES}
    return Times(hashes=hashes, machine=describe_machine(), engines=engines, timed=timed)


def _key(version: str, engine: str) -> str:
    return f"{version} {engine}"


def _opened(bundle: le.Bundle, engine: str) -> Runner:
    return Runner(engine, open_backend(engine, bundle.member(FILES[engine]), threads=1), bundle.card)


def _stored(bundle: le.Bundle, images: NDArray[np.uint8]) -> NDArray[np.generic]:
    """Return images as the files store them."""
    end = bundle.card.inputs[0]
    assert end.preprocess
    return end.preprocess.stored(images, end.tensor)
