"""The first runs of a model of doubtful origin, in a process of its own: a crash there is an error here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_edge_runtime.backends import open_backend
from lepton_edge_runtime.card import Card, check_card
from lepton_edge_runtime.choice import Runner, engine_version
from lepton_edge_runtime.closing import Closing
from lepton_edge_runtime.errors import BackendError, ModelCrashesError, ModelFileError
from lepton_edge_runtime.golden import Golden
from lepton_edge_runtime.opening import with_shapes
from lepton_edge_runtime.process import ChildProcess
from lepton_edge_runtime.results import Origin, Timing
from lepton_edge_runtime.synthetic import synthetic_inputs
from lepton_edge_runtime.tasks import make_decoder
from lepton_edge_runtime.tensors import OPEN

_MEMORY_BYTES_MAX = 8 << 30
# They travel between two processes and into a bundle, a few times over: none of it may fill a small device.
_SAMPLE_BYTES_MAX = 128 << 20


@dataclass(frozen=True, slots=True)
class Probed:
    """What a model showed of itself.

    Attributes:
        card: With the shapes of its outputs as its engine has them.
        golden: Synthetic samples and its answers to them.
        engine: The package and its version.
    """

    card: Card
    golden: Golden
    engine: str


class Probe(Closing):
    """A process in which models are loaded and run; replaced when one kills it.

    It guards against crashes, memory and time that models of doubtful origin may cost. It is no sandbox.

    Args:
        timeout_seconds: Longest that loading and running may take.
    """

    def __init__(self, *, timeout_seconds: float = 60.0) -> None:
        self._timeout_seconds = timeout_seconds
        self._process = ChildProcess(failed=BackendError, crashed=ModelCrashesError, memory_bytes=_MEMORY_BYTES_MAX)

    def run(self, backend: str, content: bytes, card: Card, seeds: Sequence[int]) -> Probed:
        """Load a model file's bytes, and run it on zeros, then on a synthetic sample for each seed.

        Raises:
            BackendError: The engine refuses it, or it is another model than the card's.
            BundleError: The card's task does not fit its answers.
            ModelFileError: Its answers are too large, no numbers, or not the same to the same sample.
            ModelCrashesError: It kills the process, or does not answer in time.
        """
        return self.call("lepton_edge_runtime.probe:try_model", backend, content, card, seeds)  # type: ignore[no-any-return]  # what the job returns

    def call(self, job: str, *arguments: Any) -> Any:
        """Run another job, ``module:function``, in the same process, under the same guard."""
        return self._process.call(job, *arguments, timeout_seconds=self._timeout_seconds)

    def close(self) -> None:
        """End the process."""
        self._process.close()


def try_model(backend: str, content: bytes, card: Card, seeds: Sequence[int]) -> Probed:
    """Load a model and run it; runs in the child, which may end for want of memory or time."""
    _refuse_large(card)
    opened = open_backend(backend, content, shapes={end.tensor.name: end.tensor.shape for end in card.inputs})
    card = with_shapes(card, opened.outputs)
    check_card(card, error=ModelFileError)
    _refuse_large(card)
    runner = Runner(backend, opened, card)
    decode = make_decoder(card)
    samples = [synthetic_inputs(card, seed) for seed in seeds]
    answers = [_answer(runner, card, sample) for sample in [*samples, samples[0]]]
    if any(not np.array_equal(one, other, equal_nan=True) for one, other in zip(answers[0], answers[-1], strict=True)):
        raise ModelFileError(
            "it answers the same sample differently the second time: it keeps state or draws random numbers, and no "
            "golden sample could prove it"
        )
    golden = Golden(*(tuple(map(np.stack, zip(*part, strict=True))) for part in (samples, answers[:-1])))
    decode(answers[0], None, Origin(backend, Timing(0.0, 0.0)))
    opened.close()
    return Probed(card, golden, engine_version(backend))


def _answer(runner: Runner, card: Card, sample: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
    answer = runner.answer(sample)
    for end, tensor in zip(card.outputs, answer, strict=True):
        if tensor.shape != end.tensor.shape:
            raise ModelFileError(f"the shape of its output {end.tensor.name!r} changes from sample to sample")
        if not np.isfinite(tensor).all():
            raise ModelFileError(f"its output {end.tensor.name!r} is NaN or infinite on synthetic samples")
    return answer


def _refuse_large(card: Card) -> None:
    """Refuse a model whose samples are too large, as far as their sizes are known."""
    specs = [*(end.tensor for end in card.inputs), *(end.tensor for end in card.outputs)]
    size_bytes = sum(spec.size_bytes for spec in specs if OPEN not in spec.shape)
    if size_bytes > _SAMPLE_BYTES_MAX:
        raise ModelFileError(
            f"its inputs and outputs take {size_bytes >> 20} MB a sample, and a model that is tried takes at most "
            f"{_SAMPLE_BYTES_MAX >> 20} MB"
        )
