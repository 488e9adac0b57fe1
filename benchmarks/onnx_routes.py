"""The ways to an int8 ONNX file: ours, derived from the TFLite file, beside ONNX Runtime's own quantizer."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

import lepton_edge as le
from benchmarks.children import run_child
from benchmarks.table import Table, at_most, side_by_side
from benchmarks.workshop import Subject, Workshop
from lepton_edge_converters.artefacts import stored_inputs
from lepton_edge_converters.facts import EndFacts
from lepton_edge_converters.samples import StoredSamples, store
from lepton_edge_converters.samples.read import read_samples
from lepton_edge_runtime.backends import open_backend
from lepton_edge_runtime.backends.onnx import saturating_processor
from lepton_edge_runtime.card import Card
from lepton_edge_runtime.choice import engine_version
from lepton_edge_runtime.timing import Latency, time_interleaved

_SAMPLES = 100
_BUDGET = 1.05
_RUNS_MAX = 2000

_OURS = "ONNX int8, derived (ours)"
_ORT = "ONNX int8, ONNX Runtime's own"
_AS_IS = "ONNX int8, tf2onnx as it is"
_FLOAT = "ONNX float32"
_TFLITE = "TFLite int8"

Answer = Callable[[int], NDArray[np.generic]]
"""Returns a route's output for the sample of this number."""


def measure(workshop: Workshop, seconds: float) -> tuple[Table, ...]:
    """Return the time of each route on one sample, and how often it decides as the TFLite file."""
    subject = workshop.given
    bundle = le.Bundle(workshop.bundle(subject))
    samples = _samples(subject, bundle.card, workshop.folder)
    real = samples.real(0, len(samples))[0]
    stored = stored_inputs(samples, bundle.card, 0, len(samples))[0]
    routes = {_TFLITE: _litert(bundle, stored)}
    routes |= {name: _session(path, real, stored) for name, path in _files(workshop, subject, real).items()}
    calls = {name: partial(answer, 0) for name, answer in routes.items()}
    latencies = time_interleaved(calls, seconds=seconds * 2, runs_max=_RUNS_MAX, warm=True)
    alike = _decides_alike(routes, len(samples)) if subject.trained else {}
    return (_table(subject, latencies, alike),)


def _samples(subject: Subject, card: Card, folder: Path) -> StoredSamples:
    """Return samples spread over the subject's data, prepared as on the device."""
    end = card.inputs[0]
    facts = EndFacts(end.tensor.name, "float32", end.tensor.shape[1:])
    samples = read_samples(subject.data, (facts,), (end.preprocess,), (), None, certain=False)
    chosen = np.linspace(0, samples.count - 1, min(_SAMPLES, samples.count)).astype(np.int64)
    return store(samples, chosen, (end.preprocess,), folder, "routes")


def _files(workshop: Workshop, subject: Subject, real: NDArray[np.float32]) -> dict[str, Path]:
    """Return the ONNX file of each route."""
    folder, int8, float32 = workshop.folder, workshop.bundle(subject), workshop.bundle(subject, "float32")
    plain = workshop.member(float32, "model.onnx")
    np.save(folder / "real.npy", real)
    run_child("quantize_onnx", plain, folder / "real.npy", workshop.member(int8, "model.tflite"), folder)
    return {
        _OURS: workshop.member(int8, "model.onnx"),
        _ORT: folder / "qdq.onnx",
        _AS_IS: folder / "as_is.onnx",
        _FLOAT: plain,
    }


def _litert(bundle: le.Bundle, stored: NDArray[np.generic]) -> Answer:
    backend = open_backend("tflite", bundle.member("model.tflite"), threads=1)

    def answer(sample: int) -> NDArray[np.generic]:
        backend.input_view(0)[...] = stored[sample]
        return backend.run()[0]

    return answer


def _session(path: Path, real: NDArray[np.float32], stored: NDArray[np.generic]) -> Answer:
    """Open a route's file with the runtime's options, except the exact mode, in which the peers' files crash."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    taken = session.get_inputs()[0]
    tensors = real if taken.type == "tensor(float)" else stored
    return lambda sample: np.asarray(session.run(None, {taken.name: tensors[sample : sample + 1]})[0])


def _decides_alike(routes: Mapping[str, Answer], count: int) -> dict[str, float]:
    """Return the share of samples whose largest output is the TFLite file's too."""
    decided = {name: np.array([answer(i).argmax() for i in range(count)]) for name, answer in routes.items()}
    return {name: float((decisions == decided[_TFLITE]).mean()) for name, decisions in decided.items()}


def _table(subject: Subject, latencies: Mapping[str, Latency], alike: Mapping[str, float]) -> Table:
    reference = latencies[_ORT]
    budgets = {_OURS: at_most(latencies[_OURS].median_ms / reference.median_ms, _BUDGET, "× ORT's")}
    rows = tuple(
        (name, *side_by_side(latency, reference), alike.get(name), budgets.get(name))
        for name, latency in latencies.items()
    )
    notes = [
        f"{reference.runs} interleaved calls each, one thread, {engine_version('tflite')}.",
        "Only float32 and ONNX Runtime's own take and give real numbers; the others, bytes.",
        "'decides alike': share of samples with the TFLite file's largest output; untold for random weights.",
    ]
    if saturating_processor():
        notes.append("8-bit kernels overflow on this processor: the runtime uses slower, exact ones for ours.")
    title = f"Ways to an int8 ONNX file, {subject.name}, {engine_version('onnx')}, ms"
    columns = ("route", "median", "minimum", "× ORT's", "× ORT's (min)", "decides alike", "budget")
    return Table(title, columns, rows, tuple(notes))
