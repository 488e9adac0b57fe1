"""One process for the conversions that can kill a process: all that imports TensorFlow runs in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from lepton_edge_converters.errors import ConversionError, WorkerCrashedError
from lepton_edge_runtime.interrupts import uninterrupted
from lepton_edge_runtime.process import ChildProcess, Progress, report_progress

__all__ = ["Progress", "Worker", "report_progress", "workplace"]


class Worker(ChildProcess):
    """A child process that runs conversions one after the other.

    A job that ends in an error of a converter library raises ConversionError, one that kills the process
    WorkerCrashedError.

    Args:
        verbose: Let the converter libraries print to standard error instead of the log.
        scratch: Folder for the temporary files of the libraries; the system's own by default. A process that is
            killed leaves them behind.
    """

    def __init__(self, *, verbose: bool = False, scratch: Path | None = None) -> None:
        self._settings = verbose, scratch
        super().__init__(
            failed=ConversionError, crashed=WorkerCrashedError, verbose=verbose, environment=_environment(scratch)
        )

    def another(self) -> "Worker":
        """Return a worker of the same settings, for what must not be imported beside what this one has."""
        verbose, scratch = self._settings
        return Worker(verbose=verbose, scratch=scratch)


@contextmanager
def workplace(*, verbose: bool) -> Iterator[tuple[Path, Worker]]:
    """Yield a temporary folder, and a worker that leaves nothing outside of it; both are gone at the end.

    However it ends: Ctrl-C, twice even, cuts neither the making in two nor the clearing away.
    """
    folder: TemporaryDirectory[str] | None = None
    worker: Worker | None = None
    try:
        with uninterrupted():
            folder = TemporaryDirectory(prefix="lepton-edge-")
            worker = Worker(verbose=verbose, scratch=Path(folder.name))
        yield Path(folder.name), worker
    finally:
        with uninterrupted():
            if worker is not None:
                worker.close()  # first, so that nothing writes into the folder any more
            if folder is not None:
                folder.cleanup()


def _environment(scratch: Path | None) -> dict[str, str]:
    # The same input shall give the same bytes, whatever else the user's shell asks of TensorFlow.
    environment = {name: value for name, value in os.environ.items() if not _steers_tensorflow(name)}
    # Conversion is on the CPU: a GPU would only change the last digits and fill the log.
    environment["CUDA_VISIBLE_DEVICES"] = "-1"
    # The exporters trace TensorFlow graphs, whatever the user trains with.
    environment["KERAS_BACKEND"] = "tensorflow"
    # Sets of names come in the same order in each run: the same input shall give the same bytes.
    environment["PYTHONHASHSEED"] = "0"
    if scratch is not None:
        environment["TMPDIR"] = str(scratch)
        # Else Keras would read the user's settings, such as another float type, and write some where there are none.
        environment["KERAS_HOME"] = str(scratch / "keras")
    return environment


def _steers_tensorflow(name: str) -> bool:
    """Whether an environment variable changes what TensorFlow computes; its log levels do not.

    One of them is TF_USE_LEGACY_KERAS, set by whoever imported tensorflow-model-optimization: it would turn Keras 3
    into Keras 2.
    """
    return name.startswith(("TF_", "XLA_")) and not name.startswith("TF_CPP_")
