"""The first runs of a model of doubtful origin, in a process of its own: a crash there is an error here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from lepton_edge_runtime.backends import open_backend
from lepton_edge_runtime.choice import engine_version
from lepton_edge_runtime.closing import Closing
from lepton_edge_runtime.errors import BackendError, ModelCrashesError
from lepton_edge_runtime.process import ChildProcess
from lepton_edge_runtime.tensors import TensorSpec

Sample = Mapping[str, NDArray[Any]]
"""Input tensors by name, as stored."""

_MEMORY_BYTES_MAX = 8 << 30


@dataclass(frozen=True, slots=True)
class Probed:
    """What a model showed of itself.

    Attributes:
        outputs: As its engine has them after the first run, in the file's order.
        answers: To each sample, in the order of ``outputs``, as stored.
        engine: The package and its version.
    """

    outputs: tuple[TensorSpec, ...]
    answers: tuple[tuple[NDArray[Any], ...], ...]
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

    def run(
        self, backend: str, content: bytes, shapes: Mapping[str, tuple[int, ...]], samples: Sequence[Sample] = ()
    ) -> Probed:
        """Load a model file's bytes, run it on zeros, then on the samples.

        Raises:
            BackendError: The engine refuses it.
            ModelCrashesError: It kills the process, or does not answer in time.
        """
        return self.call("lepton_edge_runtime.probe:try_model", backend, content, shapes, samples)  # type: ignore[no-any-return]  # what the job returns

    def call(self, job: str, *arguments: Any) -> Any:
        """Run another job, ``module:function``, in the same process, under the same guard."""
        return self._process.call(job, *arguments, timeout_seconds=self._timeout_seconds)

    def close(self) -> None:
        """End the process."""
        self._process.close()


def try_model(backend: str, content: bytes, shapes: Mapping[str, tuple[int, ...]], samples: Sequence[Sample]) -> Probed:
    """Load a model and run it; runs in the child."""
    opened = open_backend(backend, content, shapes=shapes)
    answers = []
    for sample in samples:
        for i, spec in enumerate(opened.inputs):
            opened.input_view(i)[...] = sample[spec.name]
        answers.append(opened.run())
    opened.close()
    return Probed(opened.outputs, tuple(answers), engine_version(backend))
