"""Reports made up for the tests: an ordinary one, a refused one, and one of everything that is hard to lay out."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from lepton_edge_converters.report import GateResult, LayerSensitivity, Report, Row, Rung, SampleCounts, Tried
from lepton_edge_converters.report.attention import Attended, Attention
from lepton_edge_converters.report.disagreement import Disagreement, Disagreements
from lepton_edge_converters.report.layers import Histogram, LayerError, LayerErrors
from lepton_edge_converters.report.numbers import Drop, Loss, Ratio, Score, Share
from lepton_edge_converters.report.sparse import SparseLayer, SparseWeights
from lepton_edge_converters.samples.lint import Finding
from lepton_edge_runtime.results import ClassScore
from lepton_edge_runtime.timing import Latency

VERSIONS = {"lepton-edge": "0.1.0", "tensorflow": "2.21.0"}
HARD_NAME = "Entenschnabelfledermausschwarm_" * 4 + '<script>alert("x")</script>&amp;'


def latency(median):
    return Latency(0.9 * median, median, 1.4 * median, 2.1 * median, runs=120)


def share(value, samples=150):
    return Share(value, max(0.0, value - 0.05), min(1.0, value + 0.04), samples)


def rows(scale=1.0):
    judged = {
        "accuracy": share(0.853),
        "drop": Drop(0.67, -1.6, 2.94, lost=3, won=2, samples=150, p=1.0),
        "agreement": share(0.98),
    }
    like = {"cosine": 0.99525, "sqnr_db": 22.3, "route": "made up"}
    like |= {"times_float": Ratio(0.45, 0.43, 0.47, 0.44, rounds=120)}
    return (
        Row("original", shipped=False, accuracy=share(0.86), route="the original"),
        Row("TFLite float32", shipped=False, size_bytes=18_000_000, latency=latency(4.7 * scale), route="made up"),
        Row("ONNX float32", shipped=False, size_bytes=17_900_000, latency=latency(4.8 * scale), route="made up"),
        Row("TFLite int8", shipped=True, size_bytes=5_200_000, latency=latency(2.1 * scale), **judged, **like),
        Row("ONNX int8", shipped=True, size_bytes=4_900_000, latency=latency(2.5 * scale), **judged, **like),
    )


def layer(position, *, db=30.0, name="conv", added=0.01, histogram=None):
    return LayerError(
        position, f"{name}_{position}", f"net/{name}_{position}/Relu", "CONV_2D", db, added, db + 12, 0.003, -1.5, 9.25,
        -2.0, 6.0, histogram,
    )  # fmt: skip


def layers(count=12, *, name="conv"):
    counts = tuple(int(n) for n in 1000 * np.exp(-(np.linspace(-3, 3, 64) ** 2)))
    return LayerErrors(
        "TFLite int8", "TFLite float32", samples=8, unmatched=2,
        layers=tuple(
            layer(i, db=40 - i, name=name, added=0.001 * i, histogram=Histogram(-1.5, 9.25, counts) if i > 8 else None)
            for i in range(1, count + 1)
        ),
    )  # fmt: skip


def disagreement(sample, *, label="cat", picture=b""):
    answer = ClassScore(1, "dog", 0.512)
    return Disagreement(
        sample, f"animals/{label}_{sample}.jpg", label, ClassScore(0, label, 0.734),
        {"TFLite int8": answer, "ONNX int8": answer}, picture,
    )  # fmt: skip


def attention(count=4, *, name="animals/cat.jpg", picture=b""):
    pictures = tuple(Attended(i, name, name, float("nan") if i == 2 else 0.93, picture, picture) for i in range(count))
    score = Score("rank correlation of heat", 0.93, 0.87, 0.97, count - 1)
    return Attention("TFLite int8", "TFLite float32", 400, score, pictures)


def report(output=Path("net.lepton"), **changes):
    made = Report(
        model="net", output=output, scheme="int8", task="classify", preprocess=("224×224 rgb, crop 0.875",),
        parameters=4_694_024, macs=385_200_000, size_bytes=10_500_000,
        samples=SampleCounts("photos/", 500, 100, 150, labelled=True), rows=rows(),
        gates=(
            GateResult("TFLite int8 operators", passed=True, detail="65, all in integers"),
            GateResult("TFLite int8 accuracy", passed=True, detail="drop +0.67 [-1.60, +2.94] points (at most 1)"),
        ),
        warnings=("ONNX int8 is slower than ONNX float32 here: 1.4 times its time",),
        machine="a made-up processor, 2 cores", versions=VERSIONS, seconds=41.5, layers=layers(),
        disagreements=Disagreements(150, 3, tuple(disagreement(i) for i in range(3))),
    )  # fmt: skip
    return replace(made, **changes)


def refused(output=Path("net.lepton")):
    lost = GateResult("TFLite int8 accuracy", passed=False, detail="drop +9.33 [+4.1, +14.6] points (at most 1)")
    return report(output, gates=(*report().gates[:1], lost), size_bytes=0)


def repaired(name="blocks_11_project_conv", **changes):
    """A report of a repair that left many layers in float; its names are as long as wanted."""
    lost = "TFLite int8 accuracy: drop +9.33 [+4.1, +14.6] points (at most 1)"
    settings = "ranges = best, equalize = true, correct_bias = true"
    spared = f"{settings}, float_layers = {' '.join(f'{name}_{i}' for i in range(40))}"
    shipped = rows()[3:]
    return report(
        rungs=(
            Rung("as asked", "", False, (lost,), shipped),
            Rung("equalization and bias correction", settings, False, (lost,), shipped),
            Rung("40 layers in float", spared, True, (), shipped),
        ),
        sensitivity=tuple(LayerSensitivity(name, "CONV_2D", 0.1, 3.0 * i - 9, flagged=i < 3) for i in range(30)),
        **changes,
    )  # fmt: skip


def bare():
    """A report with as little as there may be: no labels, nothing decided, no layers, nothing timed."""
    plain = Row("TFLite float32", shipped=True, size_bytes=900, cosine=1.0, sqnr_db=float("inf"), route="made up")
    samples = SampleCounts("seeded synthetic samples", 32, 0, 32, labelled=False)
    return report(
        task="raw", scheme="float32", preprocess=(), macs=None, rows=(Row("original", shipped=False), plain),
        warnings=(), layers=None, disagreements=None, samples=samples,
    )  # fmt: skip


def hard():
    """A report of everything that is hard to lay out: long names, markup, huge and tiny numbers, many pictures."""
    import cv2

    _, picture = cv2.imencode(".png", np.full((24, 24, 3), 128, np.uint8))
    shown = tuple(disagreement(i, label=HARD_NAME, picture=picture.tobytes()) for i in range(24))
    gates = tuple(GateResult(f"{HARD_NAME} {i}", passed=i > 2, detail=f"{HARD_NAME} is {1e-9:g}") for i in range(9))
    score = {"score": Score(f"mine:{HARD_NAME}", 0.81234567, 0.79, 0.84, 150), "loss": Loss(1e-9, -0.02, 0.03)}
    tried = (
        Tried(HARD_NAME, "ships", HARD_NAME, rows(scale=12_345.6)[3:]),
        Tried("int16x8", "not made", HARD_NAME),
        Tried("float16", "refused", HARD_NAME, rows()[3:4]),
    )
    return repaired(
        HARD_NAME, lint=(Finding("DARK", HARD_NAME),), tried=tried,
        sparse=SparseWeights("80% of each layer's weights zero", (
            SparseLayer("base/conv", "Conv2D", 2_359_296, 0.8, 471_860),
            SparseLayer(HARD_NAME, "DepthwiseConv2D", 1_152, 0.0, 1_150, "depthwise kernels are small, " * 4),
        ), 0.7996),
        model=HARD_NAME, rows=tuple(replace(row, **score) for row in rows(scale=12_345.6)), gates=gates,
        warnings=(HARD_NAME, "short"), macs=10**13,
        changes=(HARD_NAME,), layers=layers(160, name=HARD_NAME), machine=HARD_NAME,
        versions={**VERSIONS, HARD_NAME: "1"}, disagreements=Disagreements(10**7, 10**6, shown),
        preprocess=(HARD_NAME, HARD_NAME), attention=attention(name=HARD_NAME, picture=picture.tobytes()),
    )  # fmt: skip
