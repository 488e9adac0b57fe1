"""Model files on the way into a bundle, run by the runtime's own backends; the jobs run in the worker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from lepton_edge_converters.logits import behind
from lepton_edge_converters.samples import StoredSamples
from lepton_edge_converters.speed import Timings, time_fairly
from lepton_edge_converters.worker import report_progress
from lepton_edge_runtime.backends import BACKENDS, open_backend
from lepton_edge_runtime.card import Activation, Card
from lepton_edge_runtime.choice import Runner
from lepton_edge_runtime.errors import BackendError
from lepton_edge_runtime.tensors import dequantize, quantize


@dataclass(frozen=True, slots=True)
class Artefact:
    """One model file.

    Attributes:
        title: For people, such as ``TFLite int8``.
        backend: The row of ``BACKENDS`` that runs it.
        path: The file.
        card: What it takes and answers.
        route: How it was made.
        shipped: Whether it goes into the bundle, or is here for comparison.
        in_float: First outputs of the operators that compute in float because somebody asked for it.
        left_out: The activation of its output that it leaves to whoever reads it.
    """

    title: str
    backend: str
    path: Path
    card: Card
    route: str
    shipped: bool = True
    in_float: tuple[str, ...] = ()
    left_out: Activation | None = None

    @property
    def original(self) -> Card:
        """What the original answers: the file's own card, but for an activation that the file leaves out."""
        if self.left_out is None:
            return self.card
        return replace(self.card, outputs=tuple(replace(end, activation=self.left_out) for end in self.card.outputs))

    def real(self, stored: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Return stored outputs as real numbers, one array an output, samples first, as the original answers them."""
        found = [dequantize(array, end.tensor) for array, end in zip(stored, self.card.outputs, strict=True)]
        return found if self.left_out is None else [behind(self.left_out, one) for one in found]

    @property
    def member(self) -> str:
        """Its name in a bundle."""
        return BACKENDS[self.backend].member


@dataclass(frozen=True, slots=True)
class Batched:
    """What a model file with a free batch makes of several samples at once.

    Attributes:
        outputs: As stored, samples first; empty if its engine refused.
        refusal: The engine's words.
    """

    outputs: tuple[NDArray[Any], ...] = ()
    refusal: str = ""


def stored_inputs(samples: StoredSamples, card: Card, start: int, stop: int) -> list[NDArray[Any]]:
    """Return samples as the model file stores them: what the device's ``Plan`` writes, for pictures."""
    stored = []
    for i, (end, preprocess) in enumerate(zip(card.inputs, samples.preprocess, strict=True)):
        part = np.asarray(samples.array(i)[start:stop])
        if preprocess is None:
            stored.append(quantize(part, end.tensor))
        else:
            stored.append(preprocess.stored(part, end.tensor))
    return stored


def answer_samples(artefact: Artefact, samples: StoredSamples) -> list[NDArray[Any]]:
    """Return an artefact's outputs, as stored, for all samples: one array an output."""
    runner = open_artefact(artefact)
    answers: list[tuple[NDArray[Any], ...]] = []
    count = len(samples)
    for sample in range(count):
        answers.append(runner.answer(stored_inputs(samples, artefact.card, sample, sample + 1)))
        if sample % 16 == 15 or sample + 1 == count:
            report_progress(f"answers of {artefact.title}", sample + 1, count)
    runner.backend.close()
    return [np.concatenate(column) for column in zip(*answers, strict=True)]


def answer_batch(artefact: Artefact, samples: StoredSamples, size: int) -> Batched:
    """Return what an artefact answers to the first ``size`` samples at once; where there are fewer, they repeat."""
    report_progress(f"a batch for {artefact.title}", 0, 1)
    stored = stored_inputs(samples, artefact.card, 0, size)
    try:
        runner = open_artefact(artefact, batch=size)
        outputs = runner.answer([np.resize(tensor, (size, *tensor.shape[1:])) for tensor in stored])
        runner.backend.close()
    except BackendError as refused:
        return Batched(refusal=str(refused))
    return Batched(outputs)


def time_artefacts(artefacts: list[Artefact], samples: StoredSamples, seconds: float) -> Timings:
    """Return the times of each artefact by title, one thread, in interleaved runs on the first sample."""
    report_progress("latency", 0, 1)
    runners = {artefact.title: open_artefact(artefact) for artefact in artefacts}
    for artefact in artefacts:
        runners[artefact.title].answer(stored_inputs(samples, artefact.card, 0, 1))
    timings = time_fairly({title: runner.run for title, runner in runners.items()}, seconds=seconds)
    for runner in runners.values():
        runner.backend.close()
    return timings


def prove_bundle(path: Path) -> None:
    """Open a bundle as a device does, with each engine that it has a file for.

    Raises:
        BackendError: An engine cannot run it, or answers its golden samples otherwise.
        BundleError: It cannot be read.
    """
    from lepton_edge_runtime.bundle import Bundle  # noqa: PLC0415 - the last step only
    from lepton_edge_runtime.model import open_model  # noqa: PLC0415 - the last step only

    bundle = Bundle(path)
    for name, engine in BACKENDS.items():
        if engine.member in bundle:
            open_model(path, backend=name).close()


def engine_versions(artefacts: list[Artefact]) -> Mapping[str, str]:
    """Return the engines that run the artefacts, by backend."""
    from lepton_edge_runtime.choice import engine_version  # noqa: PLC0415 - imports the engines

    return {artefact.backend: engine_version(artefact.backend) for artefact in artefacts}


def open_artefact(artefact: Artefact, *, batch: int = 1) -> Runner:
    """Return what runs an artefact on so many samples at once, one thread."""
    card = artefact.card if batch == 1 else _of_batch(artefact.card, batch)
    shapes = {end.tensor.name: end.tensor.shape for end in card.inputs}
    backend = open_backend(artefact.backend, artefact.path.read_bytes(), threads=1, shapes=shapes)
    return Runner(artefact.backend, backend, card)


def _of_batch(card: Card, size: int) -> Card:
    """Return the card as an engine sees its file that is told to take ``size`` samples at once."""
    inputs, outputs = (
        tuple(replace(end, tensor=replace(end.tensor, shape=(size, *end.tensor.shape[1:]))) for end in ends)
        for ends in (card.inputs, card.outputs)
    )
    return replace(card, inputs=inputs, outputs=outputs)
