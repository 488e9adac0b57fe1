"""Conversions that go wrong in silence: what the usual tools do with each, and what Lepton Edge does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import emulated
import keras_models
import numpy as np

import lepton_edge as le
from lepton_edge_converters.worker import Worker
from lepton_edge_runtime.backends import open_backend
from lepton_edge_runtime.bundle import Bundle
from silent_failures import models

Found = dict[str, Any]


@dataclass(frozen=True)
class Ours:
    """What Lepton Edge does: ``refused``, ``warned``, ``mended`` or ``right``; and its words, or how it is seen."""

    outcome: str
    text: str


@dataclass(frozen=True)
class Case:
    """One way to go wrong.

    Attributes:
        title: What goes wrong.
        model: Kind of model, of ``models`` or ``keras_models``.
        plain: Function that shows it, ``plain:name`` or ``plain_onnx:name``.
        wrong: Whether what it found is wrong, and came without an error.
        said: What it found, in words.
        ours: What Lepton Edge does with the model's file; the second argument is the bundle to write.
        outcome, says: What must come of that, and a regular expression that its words fit.
        emulated: Whether it needs the emulator of another processor.
        kills: Whether the usual tool kills the process.
    """

    title: str
    model: str
    plain: str
    wrong: Callable[[Found], bool]
    said: Callable[[Found], str]
    ours: Callable[[Path, Path], Ours]
    outcome: str
    says: str
    emulated: bool = False
    kills: bool = False


def converting(*, data: Callable[[], Any] | None = None, **options: Any) -> Callable[[Path, Path], Ours]:
    """Return a function that converts; refused, warned of something, or right with what the gates found."""

    def convert(model: Path, out: Path) -> Ours:
        try:
            report = le.convert(model, out, data=data() if data else None, **options)
        except le.LeptonError as refused:
            return Ours("refused", str(refused))
        if report.warnings:
            return Ours("warned", "; ".join(report.warnings))
        return Ours("right", "; ".join(f"{gate.name}: {gate.detail}" for gate in report.gates))

    return convert


def _answers_of(model: Path, samples: np.ndarray) -> Any:
    with Worker() as worker:
        return worker.call("silent_failures.plain:original_answers", model, samples)


def repaired(*, data: Callable[[], Any]) -> Callable[[Path, Path], Ours]:
    """Return a function that converts twice: refused as it is, and mended by the repair ladder, int8 throughout."""

    def convert(model: Path, out: Path) -> Ours:
        asked = converting(data=data, max_drop=1.0)(model, out)
        if asked.outcome != "refused":
            return asked
        report = le.convert(model, out, data=data(), max_drop=1.0, repair=True)
        row, whole = report.row("TFLite int8"), any(gate.detail.endswith("all in integers") for gate in report.gates)
        text = f"refused; with --repair {row.agreement.value:.0%} by {report.rungs[-1].name}, int8 throughout"
        return Ours("mended" if whole else "wrong", text)

    return convert


def _same_outputs(model: Path, out: Path) -> Ours:
    """Convert to float and compare every output of the bundle with the original's of that name."""
    le.convert(model, out, recipe="float32")
    pictures = keras_models.patterns(3, seed=11)[0].astype(np.float32)
    expected = _answers_of(model, pictures)
    with le.open_model(out) as opened:
        values = [opened(picture[np.newaxis]).values for picture in pictures]
    for name, answers in expected.items():
        for i, answer in enumerate(answers):
            np.testing.assert_allclose(values[i][name][0], answer, atol=1e-4)
    return Ours("right", f"outputs by the model's own names: {', '.join(expected)}")


def _raw_bytes(model: Path, out: Path) -> Ours:
    pictures, targets = keras_models.patterns(200, seed=7)
    le.convert(model, out, data=(np.clip(pictures, 6, 249), targets))
    quant = Bundle(out).card.inputs[0].tensor.quant
    return Ours("right" if quant is not None and quant.scale == 1.0 else "wrong", f"the input's scale is {quant}")


def _without_vnni(model: Path, out: Path) -> Ours:
    """Convert to int8 and compare the ONNX file's answers on an emulated Haswell with the original's."""
    le.convert(model, out, data=_pictures(), io="float32", preprocess=_BYTES)
    shown = keras_models.patterns(50, seed=11)[0].astype(np.float32)
    (reference,) = _answers_of(model, shown).values()
    there, _ = emulated.haswell_answers(out, shown, out.parent)
    opened = open_backend("onnx", Bundle(out).member("model.onnx"))
    here = np.stack([_answer(opened, one) for one in shown])
    errors = [float(np.abs(answers - reference).max()) for answers in (here, there)]
    alike = "right" if errors[0] < 0.1 and errors[1] <= 1.5 * errors[0] else "wrong"
    return Ours(alike, f"largest error {errors[0]:.4f} with VNNI, {errors[1]:.4f} without")


def _answer(opened: Any, sample: np.ndarray) -> np.ndarray:
    opened.input_view(0)[...] = sample
    return np.asarray(opened.run()[0][0])


def _batchnorm_folded(model: Path, out: Path) -> Ours:
    le.convert(model, out, recipe="float32", formats=["onnx"])
    with Worker() as worker:
        kinds = worker.call("silent_failures.plain_onnx:onnx_operators", Bundle(out).member("model.onnx"))
    left = sum(kind in ("Mul", "Add", "BatchNormalization") for kind in kinds)
    return Ours("right" if not left else "wrong", f"{left} left: each is part of its convolution")


_BYTES = le.Preprocess(range=(0, 255))  # the models without a Rescaling were trained so


def _pictures() -> Any:
    return keras_models.patterns(200, seed=7)


def _numbers(count: int = 200) -> Any:
    return np.random.default_rng(1).uniform(-1, 1, (count, 16)).astype(np.float32)


def _agreement(found: Found) -> str:
    return f"a file, without a word; it decides {found['agreement']:.0%} as the model"


def _slowness(found: Found) -> str:
    return f"{found[SLOWNESS]:.0f} times the float file's time, without a word"


SLOWNESS = "times the float file's"


def _dark() -> Any:
    pictures, targets = keras_models.patterns(200, seed=7)
    return (pictures * 0.04).astype(np.uint8), targets


def _swapped() -> Any:
    pictures, targets = models.paints(200, seed=7)
    return np.ascontiguousarray(pictures[..., ::-1]), targets


CASES: Mapping[str, Case] = {
    "imbalance": Case(
        "two channels are 500 times as wide as the others",
        "imbalanced",
        "plain:imbalance",
        lambda found: found["agreement"] < 0.6,
        _agreement,
        repaired(data=lambda: keras_models.patterns(300, seed=7)),
        "mended",
        "by equalization and bias correction",
    ),
    "long_tail": Case(
        "activations have a long tail in front of a BatchNormalization that cannot be folded backwards",
        "long_tail",
        "plain:long_tail",
        lambda found: found["agreement"] < 0.6,
        _agreement,
        repaired(data=lambda: keras_models.patterns(300, seed=7)),
        "mended",
        "by equalization and bias correction",
    ),
    "near_black": Case(
        "calibrated with pictures that are all but black",
        "sequential",
        "plain:near_black",
        lambda found: found["agreement"] < 0.6,
        _agreement,
        converting(data=_dark, strict=True),
        "refused",
        "samples DARK_PICTURES",
    ),
    "swapped_channels": Case(
        "pictures as OpenCV reads them, BGR, for a model that was trained with RGB",
        "coloured",
        "plain:swapped_channels",
        lambda found: found["accuracy"] < 0.5 < found["accuracy in its own order"],
        lambda found: f"{found['accuracy']:.0%} right instead of {found['accuracy in its own order']:.0%}",
        converting(data=_swapped, strict=True),
        "refused",
        "samples CHANNEL_ORDER",
    ),
    "int16x8": Case(
        "16-bit activations, for which devices' processors have no fast code",
        "depthwise",
        "plain:int16x8",
        lambda found: found[SLOWNESS] > 2,  # some 30 times: no noise makes that
        _slowness,
        converting(data=_pictures, recipe="int16x8", preprocess=_BYTES),
        "warned",
        "TFLite int16x8 is slower than TFLite float32 here",
    ),
    "hidden_float": Case(
        "an operator has no 8-bit form, and computes in float between two conversions",
        "floor_mod",
        "plain:hidden_float",
        lambda found: bool(found["float operators"]),
        lambda found: f"a file, without an error; in float: {', '.join(found['float operators'])}",
        converting(data=_numbers),
        "refused",
        "compute in float: FLOOR_MOD",
    ),
    "flex": Case(
        "an operator is TensorFlow's own, which no device has",
        "flex",
        "plain:flex",
        lambda found: found["exported"] and "Select TensorFlow op" in found["on the device"],
        lambda found: "exported without an error; the device cannot load the file",
        converting(data=_numbers),
        "refused",
        "TFLite has no operator for TensorFlow's Atan, and devices have no others",
    ),
    "lost_normalization": Case(
        "Keras' ONNX export loses the constants of a Normalization",
        "normalized",
        "plain_onnx:lost_normalization",
        lambda found: bool(found["on the device"]),
        lambda found: "exported without an error; ONNX Runtime cannot run the file",
        converting(data=_numbers, recipe="float32"),
        "right",
        "ONNX float32 outputs: cosine 1.00000",
    ),
    "exact_gelu": Case(
        "Keras' ONNX export writes an exact GELU with an operator that ONNX has not",
        "gelu",
        "plain_onnx:exact_gelu",
        lambda found: "Erfc" in found["on the device"],
        lambda found: "exported without an error; ONNX Runtime cannot load the file",
        converting(data=_numbers, recipe="float32"),
        "warned",
        "ONNX float32: from the traced model",
    ),
    "unfolded_batchnorm": Case(
        "Keras' ONNX export leaves a BatchNormalization behind each depthwise convolution, which quantizing then hurts",
        "depthwise",
        "plain_onnx:unfolded_batchnorm",
        lambda found: found["unfolded"] > 0,
        lambda found: f"{found['unfolded']} multiplications and additions left",
        _batchnorm_folded,
        "right",
        "^0 left",
    ),
    "lstm_loop": Case(
        "the loop of an LSTM in int8",
        "lstm",
        "plain:lstm_loop",
        lambda found: "killed its process" in found["ended"],
        lambda found: "the converting process dies (SIGSEGV)",
        converting(data=lambda: keras_models.texts(300, seed=9)),
        "warned",
        "loops are written out",
        kills=True,
    ),
    "output_order": Case(
        "the file's outputs are in another order than the model's",
        "many_outputs",
        "plain:output_order",
        lambda found: found["of the model"] != found["of the file"],
        lambda found: f"shapes {found['of the model']} become {found['of the file']}",
        _same_outputs,
        "right",
        "zeta, alpha, map",
    ),
    "never_white": Case(
        "calibration pictures are never quite black nor quite white",
        "sequential",
        "plain:never_white",
        lambda found: found["scale"] != 1.0,
        lambda found: f"input scale {found['scale']:.4f}: a camera's bytes do not fit",
        _raw_bytes,
        "right",
        "",
    ),
    "saturated": Case(
        "ONNX Runtime's u8s8 file on a processor without VNNI, where products of 8 bits saturate",
        "depthwise",
        "plain_onnx:saturated",
        lambda found: found["largest error without VNNI"] > 2 * found["largest error here"],
        lambda found: (
            f"largest error {found['largest error here']:.4f} with VNNI, "
            f"{found['largest error without VNNI']:.4f} without; nothing says so"
        ),
        _without_vnni,
        "right",
        "",
        emulated=True,
    ),
    "another_range": Case(
        "calibrated with pictures of 0 to 255, where the model was trained with 0 to 1",
        "bright",
        "plain:another_range",
        lambda found: found["agreement"] < 0.5,
        _agreement,
        converting(data=lambda: models.bright(200, seed=7), max_drop=2.0),
        "warned",  # and the same preprocessing calibrates, judges, and goes to the device
        "0..1 is assumed, since the samples go from 0.6 to 1",
    ),
    "broken_weights": Case(
        "weights are NaN",
        "broken",
        "plain:broken_weights",
        lambda found: found["converted"] and found["NaN answers"] == 3,
        lambda found: "a file, without an error; it answers NaN",
        converting(recipe="float32"),
        "refused",
        "NaN",
    ),
}
