"""Searches made up for the tests: an ordinary one, one without labels, and one that is hard to lay out."""

from dataclasses import replace
from pathlib import Path

from made_reports import HARD_NAME, VERSIONS, latency

from lepton_edge_converters.report import SampleCounts
from lepton_edge_converters.report.numbers import Ratio
from lepton_edge_converters.search.found import Point, PointFile, Search, Worth, on_fronts

ENGINES = ("tflite", "onnx")
SPEEDUPS = (1.0, 1.5, 2.0, 3.0, 4.0)
SCHEMES = {"int8": (1.0, 0.25, 0.0), "float16": (2.3, 0.5, -0.004), "float32": (2.3, 1.0, -0.004)}
"""Of each scheme its time, its size, and what it loses of accuracy."""


def worth(value, name="accuracy"):
    return Worth(name, value, max(0.0, value - 0.018), min(1.0, value + 0.015))


def file(engine, scheme, speedup, name):
    time, size, lost = SCHEMES[scheme]
    slower = 1.3 if engine == "onnx" else 1.0
    answers = 0.91 - lost - 0.006 * (speedup - 1) ** 2 - (0.2 if speedup == 4 and scheme == "float32" else 0)
    ratio = None if speedup == 1 else Ratio(speedup * 0.9, speedup * 0.85, speedup * 0.95, speedup * 0.9, rounds=120)
    return PointFile(
        engine, int(900_000 * size / speedup), worth(answers, name), latency(2.4 * time * slower / speedup), ratio
    )


def points(name="accuracy"):
    made = []
    for scheme in SCHEMES:
        for speedup in SPEEDUPS:
            bound = "" if speedup == 1 else "speedup"
            made.append(
                Point(
                    f"{bound or 'full'}-{scheme}",
                    bound,
                    speedup,
                    scheme,
                    bundle=Path("net.lepton"),
                    refused=("TFLite int8 agreement: 81.0% (at least 85.0%)",) if speedup == 4 else (),
                    parameters=90_000,
                    macs=10**7,
                    estimated=speedup if bound else None,
                    files=tuple(file(engine, scheme, speedup, name) for engine in ENGINES),
                )
            )
    return led(made)


def led(made):
    """Return the points with those on the fronts marked."""
    marks = [on_fronts([one.files[k] for one in made]) for k in range(len(ENGINES))]
    return tuple(
        replace(
            one,
            files=tuple(
                replace(file, on_latency_front=marks[k][i][0], on_size_front=marks[k][i][1])
                for k, file in enumerate(one.files)
            ),
        )
        for i, one in enumerate(made)
    )


def search(**changes):
    problem = "this cannot be pruned as far as was asked: the most that can be had is 4.6×"
    missing = Point("speedup8-int8", "speedup", 8.0, "int8", problem=problem)
    made = Search(
        model="net", folder=Path("net"), task="classify", worth="accuracy", original=worth(0.914),
        samples=SampleCounts("photos/", 5000, 100, 1500, labelled=True), points=(*points(), missing), made=16,
        warnings=(), machine="a made-up processor, 2 cores", versions=VERSIONS, seconds=412.0,
    )  # fmt: skip
    return replace(made, **changes)


def unlabelled():
    """A search without labels, of one scheme, that the gates let pass."""
    made = tuple(replace(one, refused=()) for one in points("agreement") if one.scheme == "int8")
    return search(worth="agreement", original=None, points=led(made))


def hard():
    """A search of long names, numbers far apart, and worths that are all but equal or none at all."""
    none = Worth("cosine", float("nan"), float("nan"), float("nan"))
    worths = [none if k == 3 else worth(0.9, "cosine") for k in range(len(points()))]
    near = [
        replace(
            one, refused=(HARD_NAME,), name=HARD_NAME, bound="macs", value=0.05,
            files=tuple(
                replace(file, size_bytes=10 ** (k % 9 + 1), latency=latency(10.0 ** (k % 7 - 3)), worth=worths[k])
                for file in one.files
            ),
        )
        for k, one in enumerate(points())
    ]  # fmt: skip
    missing = Point("x", "params", 0.123456, "int8", problem=HARD_NAME)
    return search(
        model=HARD_NAME, worth="cosine", original=worth(0.99, "cosine"), points=(*led(near), missing),
        warnings=(HARD_NAME, "short"), machine=HARD_NAME, versions={**VERSIONS, HARD_NAME: "1"},
    )  # fmt: skip


def alone():
    """A search of one point."""
    return search(points=led(points()[:1]), made=1)
