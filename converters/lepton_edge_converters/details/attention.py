"""Where a float file and a converted one look in judged pictures, by random masks; runs in the worker."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_converters.artefacts import Artefact, open_artefact
from lepton_edge_converters.details.ranks import mean_correlation, rank_correlation
from lepton_edge_converters.details.thumbnails import encoded, in_bgr
from lepton_edge_converters.report.attention import Attended, Attention
from lepton_edge_converters.samples import StoredSamples, numbered
from lepton_edge_converters.worker import report_progress
from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.explanation.heat import Hider, Pixels, Writer, measure
from lepton_edge_runtime.explanation.masks import CELLS, random_masks
from lepton_edge_runtime.explanation.overlay import tinted
from lepton_edge_runtime.explanation.questions import Outputs, Question, ask_the_same, pose_question
from lepton_edge_runtime.preprocess import Preprocess

MASKS = 400
"""A picture: of two maps under the same masks, chance is the same in both."""


def compare_attention(
    reference: Artefact,
    artefact: Artefact,
    samples: StoredSamples,
    indices: Sequence[int],
    images: bool,  # noqa: FBT001 - a job takes positions
) -> Attention:
    """Return where both files look in the samples with these numbers, for what the float file answers.

    Samples in which a float detector finds nothing are left out.
    """
    preprocess = samples.preprocess[0]
    assert preprocess is not None  # noqa: S101 - the caller looked
    files = [_Asked(one) for one in (reference, artefact)]
    pictures, cells = [], CELLS[reference.card.task]
    for done, sample in enumerate(indices):
        pixels: Pixels = np.asarray(samples.array(0)[sample])
        try:
            posed = pose_question(reference.card, files[0].answer(pixels), None)
        except InputError:
            continue
        heats = []
        for file in files:
            question = ask_the_same(file.card, file.answer(pixels), posed)
            masks = random_masks(*pixels.shape[:2], grid=cells, count=MASKS, seed=sample)
            whole = (slice(0, pixels.shape[0]), slice(0, pixels.shape[1]))
            heats.append(measure(Hider(pixels, whole), masks, file.score(question)))
        drawn = [_drawn(pixels, heat, preprocess) for heat in heats] if images else [b"", b""]
        name = samples.names[sample] if samples.names else numbered(sample)
        pictures.append(Attended(sample, name, posed.about, rank_correlation(*heats), *drawn))
        report_progress("where both files look", done + 1, len(indices))
    for file in files:
        file.close()
    mean = mean_correlation([one.correlation for one in pictures])
    note = "" if pictures else "nothing was found in these pictures"
    return Attention(artefact.title, reference.title, MASKS, mean, tuple(pictures), note)


class _Asked:
    """A model file, asked about pixels."""

    def __init__(self, artefact: Artefact) -> None:
        self.card = artefact.card
        (end,) = self.card.inputs
        assert end.preprocess is not None  # noqa: S101 - the samples are pictures
        self._runner = open_artefact(artefact)
        self._write = Writer(end.preprocess.completed(end.tensor), end.tensor)

    def answer(self, pixels: Pixels) -> Outputs:
        return self._runner.answer([self._write(pixels)])

    def score(self, question: Question) -> Callable[[Pixels], float]:
        return lambda pixels: question.ask(self.answer(pixels))

    def close(self) -> None:
        self._runner.backend.close()


def _drawn(pixels: Pixels, heat: NDArray[Any], preprocess: Preprocess) -> bytes:
    bgr = in_bgr(pixels, preprocess)
    return encoded(tinted(bgr, heat, float(heat.min()), float(heat.max())))
